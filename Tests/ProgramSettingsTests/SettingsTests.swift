import ArgumentParser
import Foundation
import MeshModel
import Testing

@testable import ProgramSettings

/// The settings of a program that is not there.
private struct SampleSettings: SettingGroup {
  enum Colour: String, CaseIterable, Sendable {
    case red
    case green
  }

  struct Limits: SettingGroup {
    let bodySize = Setting("limits.bodySize", .size(from: 1), default: "64KiB", "Bytes of a body.")
    let waitingTime = Setting(
      "limits.waitingTime", .positiveDuration, default: "30s", "How long to wait.",
      flag: .option("--wait", short: "w", valueName: "duration"))
  }

  let httpPort = Setting(
    "server.httpPort", .port, default: "80", "The port.", flag: .option("--port", valueName: "port", "The port (80)."))
  let isOpen = Setting(
    "server.isOpen", .truth, default: "true", "Whether it is open.",
    flag: .switch("--closed", gives: "false", "Closes it."))
  let colour = Setting<Colour>("server.colour", .choice, default: "red", "The colour.")
  let limits = Limits()
  let file = Setting(
    "file", .optionalText, default: "", "A file.", flag: .option("--file", valueName: "file", standard: "none"))
  let secret = Setting("server.secret", .nonEmpty, default: "x", "A secret.", isSecret: true)
  let names = Setting("names", .list("is not a name") { $0 != "bad" }, default: "", "Names.", hasVariable: false)
}

private struct SampleCommand: ParsableCommand {
  enum Flags: SettingFlagList {
    static let settings = SampleSettings.all.filter { $0.flag != nil }
    static let parsing = SingleValueParsingStrategy.unconditional
  }

  static let configuration = CommandConfiguration(commandName: "sample")

  @Option var other = 1
  @OptionGroup var settings: SettingFlags<Flags>
}

@Suite("Settings")
struct SettingsTests {
  private func values(
    _ variables: [String: String] = [:], flags: [String: String] = [:], file: SettingSource? = nil
  ) throws -> SettingValues<SampleSettings> {
    try SettingValues([.flags(flags), .environment(variables)] + (file.map { [$0] } ?? []))
  }

  private func withFile<Value>(_ text: String, _ body: (String) throws -> Value) throws -> Value {
    let path = NSTemporaryDirectory() + "settings-\(UUID().uuidString).yaml"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
  }

  @Test("are listed in the order of their declarations, those of groups in their places")
  func order() {
    #expect(
      SampleSettings.all.map(\.key) == [
        "server.httpPort", "server.isOpen", "server.colour", "limits.bodySize", "limits.waitingTime", "file",
        "server.secret", "names",
      ])
    #expect(SampleSettings.key(\.colour) == "server.colour")
  }

  @Test("have their defaults where nothing is given, each in its own type")
  func defaults() throws {
    let values = try values()
    #expect(values.httpPort == 80)
    #expect(values.isOpen)
    #expect(values.colour == .red)
    #expect(values.limits.bodySize == 65_536)
    #expect(values.limits.waitingTime == .seconds(30))
    #expect(values.file == nil)
    #expect(values.names == [])
    #expect(values.given(\.httpPort) == nil)
  }

  @Test("are read from the variable that the key names", arguments: SampleSettings.all.map(\.key))
  func variables(key: String) throws {
    let setting = try #require(SampleSettings.all.first { $0.key == key })
    guard let variable = setting.environmentVariable else {
      #expect(SettingSource.environment(["KUMA_NAMES": "given"]).given(setting) == nil)
      return
    }
    let given = SettingSource.environment([variable: "given"]).given(setting)
    #expect(given == GivenSetting(text: "given", place: variable, isFlag: false))
  }

  @Test("count from flags before the environment, and from there before the file")
  func precedence() throws {
    try withFile("server: {httpPort: 1, colour: green}\nlimits: {bodySize: 3}\n") { path in
      let file = try SettingSource.file(path: path, of: SampleSettings.all)
      let values = try values(
        ["KUMA_SERVER_HTTP_PORT": "2", "KUMA_LIMITS_BODY_SIZE": "4"], flags: ["server.httpPort": "3"], file: file)
      #expect(values.httpPort == 3)
      #expect(values.given(\.httpPort) == GivenSetting(text: "3", place: "--port", isFlag: true))
      #expect(values.limits.bodySize == 4)
      #expect(values.limits.given(\.bodySize)?.place == "KUMA_LIMITS_BODY_SIZE")
      #expect(values.colour == .green)
      #expect(values.given(\.colour)?.place == "server.colour in \(path)")
    }
  }

  @Test(
    "with a text that is wrong are named with their place, the text and what to write",
    arguments: [
      ("KUMA_SERVER_HTTP_PORT", "65536", "is not a port; give a number from 0 to 65535"),
      ("KUMA_SERVER_IS_OPEN", "maybe", "is neither true nor false"),
      ("KUMA_SERVER_COLOUR", "blue", "is not known; choose one of red, green"),
      ("KUMA_LIMITS_BODY_SIZE", "0", "is not a valid size; give one such as 64KiB, 10MiB or 4GiB, at least 1 bytes"),
      ("KUMA_LIMITS_WAITING_TIME", "90", "is not a valid duration; write 90s"),
      ("KUMA_LIMITS_WAITING_TIME", "soon", "is not a valid duration; write one such as 500ms, 30s or 1m30s"),
      ("KUMA_LIMITS_WAITING_TIME", "0", "is too short; give a duration above 0, such as 30s"),
      ("KUMA_SERVER_SECRET", "", "is empty; give a value"),
    ])
  func faults(variable: String, text: String, fault: String) {
    let failure = #expect(throws: SettingFailure.self) { try values([variable: text]) }
    #expect(failure?.description == "\(variable): \"\(text)\" \(fault)")
  }

  @Test("of several texts name the one that is wrong")
  func lists() throws {
    #expect(try values(flags: ["names": " a, b ,,"]).names == ["a", "b"])
    let failure = #expect(throws: SettingFailure.self) { try values(flags: ["names": "a,bad"]) }
    #expect(failure?.description == "names: \"bad\" is not a name")
  }

  @Test("are written as a document, in which secrets are hidden")
  func document() throws {
    let values = try values(["KUMA_SERVER_SECRET": "hidden", "KUMA_SERVER_HTTP_PORT": "8080"])
    var dumped = ""
    dump(values, to: &dumped)
    #expect(!"\(values)".contains("hidden") && !dumped.contains("hidden"))
    let document = values.document
    #expect(
      document == [
        "server": ["httpPort": 8080, "isOpen": true, "colour": "red", "secret": "*****"],
        "limits": ["bodySize": "64KiB", "waitingTime": "30s"], "file": "", "names": "",
      ])
    let url = try self.values(flags: ["file": "https://me:hidden@host/"])
    #expect(url.document["file"] == "https://***@host/")
  }

  @Test("do not tell an invalid text that is secret")
  func secretFault() throws {
    let values = try values(["KUMA_SERVER_SECRET": "hidden", "KUMA_SERVER_HTTP_PORT": "8080"])
    #expect(values.failure(\.secret, "does not fit").description.hasSuffix("\"***\" does not fit"))
    let url = try self.values(flags: ["file": "https://me:hidden@host/"])
    #expect(!url.failure(\.file, "does not fit").description.contains("hidden"))
  }

  @Test("become options of a command, with values by their keys")
  func flags() throws {
    let command = try #require(
      try SampleCommand.parseAsRoot(["--port", "-1", "-w", "1m30s", "--closed", "--other", "3"]) as? SampleCommand)
    #expect(command.other == 3)
    #expect(
      command.settings.values == ["server.httpPort": "-1", "limits.waitingTime": "1m30s", "server.isOpen": "false"])
    let none = try #require(try SampleCommand.parseAsRoot([]) as? SampleCommand)
    #expect(none.settings.values.isEmpty)
    #expect(throws: (any Error).self) { try SampleCommand.parseAsRoot(["--colour", "red"]) }
  }

  @Test("with few values have them completed")
  func completion() {
    let setting = Setting<SampleSettings.Colour>(
      "a", .choice, default: "red", "The colour.", flag: .option("--colour", valueName: "colour"))
    #expect(setting.choices == ["red", "green"])
    #expect(Setting("b", .truth, default: "true", "Whether.").choices == ["true", "false"])
    #expect(Setting("c", .port, default: "1", "The port.").choices.isEmpty)
  }

  @Test("have help that says what an option does, with default and variable unless it says so itself")
  func help() {
    #expect(
      SampleCommand.helpMessage(columns: 200) == """
        USAGE: sample [--other <other>] [--port <port>] [--closed] [--wait <duration>] [--file <file>]

        OPTIONS:
          --other <other>         (default: 1)
          --port <port>           The port (80).
          --closed                Closes it.
          -w, --wait <duration>   How long to wait. Default: 30s. Variable: KUMA_LIMITS_WAITING_TIME.
          --file <file>           A file. Default: none. Variable: KUMA_FILE.
          -h, --help              Show help information.

        """)
  }

  @Test("variables that a cluster makes for each Service are not taken for misspelt settings")
  func serviceVariables() {
    let service = "KUMA_CONTROL_PLANE"
    let environment = [
      "\(service)_SERVICE_HOST": "10.96.0.10", "\(service)_SERVICE_PORT": "5680",
      "\(service)_SERVICE_PORT_HTTP_API_SERVER": "5681", "\(service)_PORT": "tcp://10.96.0.10:5680",
      "\(service)_PORT_5681_TCP_ADDR": "10.96.0.10", "\(service)_PROT": "1",
    ]
    let warnings = SettingSource.unknownVariables(in: environment, of: SampleSettings.all)
    #expect(warnings == ["the environment variable KUMA_CONTROL_PLANE_PROT names no setting and is ignored"])
  }

  @Test("that nobody declared are told with the nearest one that somebody did")
  func unknown() throws {
    #expect(
      SettingSource.unknownVariables(in: ["KUMA_SERVER_HTTP_PROT": "", "PATH": ""], of: SampleSettings.all) == [
        "the environment variable KUMA_SERVER_HTTP_PROT names no setting and is ignored; "
          + "did you mean KUMA_SERVER_HTTP_PORT?"
      ])
    try withFile("server: {httpProt: 1}\n") { path in
      let failure = #expect(throws: SettingFailure.self) {
        try SettingSource.file(path: path, of: SampleSettings.all)
      }
      #expect(failure?.description == "\(path): unknown key server.httpProt; did you mean server.httpPort?")
    }
    for (text, kind) in [("server: 5\n", "number"), ("server: open\n", "string"), ("server: [1]\n", "array")] {
      try withFile(text) { path in
        let failure = #expect(throws: SettingFailure.self) {
          try SettingSource.file(path: path, of: SampleSettings.all)
        }
        #expect(
          failure?.description.hasPrefix("\(path): server has to hold keys and values (") == true
            && failure?.description.hasSuffix("), not \(kind)") == true
            && failure?.description.contains("httpPort") == true, "\(failure?.description ?? "")")
      }
    }
    try withFile("server:\n") { path in _ = try SettingSource.file(path: path, of: SampleSettings.all) }
  }

  /// Settings of all forms.
  private struct FormSettings: SettingGroup {
    let ports = Setting("forms.ports", .ports, default: "1,2", "Ports.", variable: "KUMA_OTHER_PORTS")
    let labels = Setting("forms.labels", .map, default: "a:*", "Labels.")
    let single = Setting("forms.single", .text, default: "", "One.")
  }

  private func forms(_ variables: [String: String] = [:], file: String? = nil) throws -> SettingValues<FormSettings> {
    try withFile(file ?? "") { path in
      try SettingValues([.environment(variables), try .file(path: path, of: FormSettings.all)])
    }
  }

  @Test("may have a variable that their keys do not name")
  func ownVariable() throws {
    #expect(try forms(["KUMA_OTHER_PORTS": "80, 443"]).ports == [80, 443])
    #expect(try forms(["KUMA_FORMS_PORTS": "80"]).ports == [1, 2])
    let failure = #expect(throws: SettingFailure.self) { try forms(["KUMA_OTHER_PORTS": "80,0"]) }
    #expect(
      failure?.description
        == "KUMA_OTHER_PORTS: \"0\" is not a port; give numbers from 1 to 65535 with commas between")
  }

  @Test("may be lists and maps in a file, and are texts elsewhere")
  func fileForms() throws {
    let values = try forms(file: "forms: {ports: [80, 443], labels: {openshift.io/build.name: '*', a: 'b,c', n: 5}}\n")
    #expect(values.ports == [80, 443])
    #expect(values.labels == ["openshift.io/build.name": "*", "a": "b,c", "n": "5"])
    #expect(
      values.document["forms"] == [
        "ports": "80,443", "labels": ["a": "b,c", "n": "5", "openshift.io/build.name": "*"], "single": "",
      ])
    #expect(try forms(["KUMA_FORMS_LABELS": "URL:https://cp:5678, b:"]).labels == ["URL": "https://cp:5678", "b": ""])
    #expect(try forms(["KUMA_FORMS_LABELS": #"{"a": "b,c"}"#]).labels == ["a": "b,c"])
    #expect(try forms(["KUMA_FORMS_LABELS": ""]).labels.isEmpty)
    #expect(try forms(file: "forms: {labels: 'a:b'}\n").labels == ["a": "b"])
  }

  @Test(
    "of another form than a file gives are told with what is possible",
    arguments: [
      ("{single: [1]}", "forms.single has to be a single value, not array"),
      ("{single: {a: b}}", "forms.single has to be a single value, not object"),
      ("{ports: {a: b}}", "forms.ports has to be a single value or a list, not object"),
      ("{ports: [[1]]}", "forms.ports has to be a list of single values"),
      ("{ports: ['1,2']}", "forms.ports: \"1,2\" has a comma; items of the list are separated by commas"),
      ("{ports: [1, '']}", "forms.ports has an empty item; write a value there or leave the item out"),
      ("{labels: [a]}", "forms.labels has to be a single value or an object, not array"),
      ("{labels: {a: {b: c}}}", "forms.labels has to be an object of single values"),
      (
        "{labels: a}",
        "forms.labels in PATH: \"a\" is not a map; give key:value pairs with commas between, or a JSON object of texts"
      ),
    ])
  func wrongForms(text: String, message: String) throws {
    try withFile("forms: \(text)\n") { path in
      let failure = #expect(throws: SettingFailure.self) {
        try SettingValues<FormSettings>([try .file(path: path, of: FormSettings.all)])
      }
      let expected = message.contains("PATH") ? message.replacing("PATH", with: path) : "\(path): \(message)"
      #expect(failure?.description == expected)
    }
  }
}
