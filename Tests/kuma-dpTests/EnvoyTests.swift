import Foundation
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import Testing

@testable import ProgramSettings
@testable import kuma_dp

/// The real Envoy, where there is one.
let realEnvoy = TestPrograms.envoy

@Suite("Envoy's executable")
struct EnvoyLocationTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for name in ["named/proxy", "variable/proxy", "path/envoy", "project/bin/envoy", "project/.venv/bin/envoy"] {
      try folder.write("#!/bin/sh\n", to: name, isExecutable: true)
    }
    try folder.write("", to: "plain/envoy")
  }

  private func find(
    named: String? = nil, variable: String = "", path: String = "", program: String? = nil
  ) throws -> String {
    let value = named.map { GivenSetting(text: $0, place: "--binary-path", isFlag: true) }
    let found = try EnvoyLocation.find(
      named: value, environment: ["ENVOY": variable, "PATH": path], program: program.map { "\(folder.path)/\($0)" })
    return String(found.dropFirst(folder.path.count + 1))
  }

  @Test("is the one that is named, else $ENVOY, else in PATH, else beside the program, else in a .venv above it")
  func order() throws {
    let named = "\(folder.path)/named/proxy"
    let variable = "\(folder.path)/variable/proxy"
    let path = "/nowhere:\(folder.path)/plain:\(folder.path)/path"
    let program = "project/bin/kuma-dp"
    #expect(try find(named: named, variable: variable, path: path, program: program) == "named/proxy")
    #expect(try find(variable: variable, path: path, program: program) == "variable/proxy")
    #expect(try find(path: path, program: program) == "path/envoy")
    #expect(try find(path: "/nowhere", program: program) == "project/bin/envoy")
    #expect(try find(path: "/nowhere", program: "project/.build/debug/kuma-dp") == "project/.venv/bin/envoy")
    #expect(try find(path: "/nowhere", program: "project/kuma-dp") == "project/.venv/bin/envoy")
  }

  @Test("can be named without a folder, which is looked for in PATH")
  func nameOnly() throws {
    #expect(try find(named: "proxy", path: "\(folder.path)/named") == "named/proxy")
    #expect(try find(variable: "proxy", path: "\(folder.path)/variable") == "variable/proxy")
  }

  @Test("is not looked for elsewhere when the named one is missing")
  func missing() throws {
    func message(named: String? = nil, variable: String = "") throws -> String {
      let failure = try #require(throws: LaunchFailure.self) {
        try find(named: named, variable: variable, path: "\(folder.path)/path")
      }
      #expect(failure.code == .noEnvoy)
      return failure.description
    }
    #expect(
      try message(named: "/nowhere/envoy") == "there is no Envoy: --binary-path names /nowhere/envoy, which does not "
        + "exist; give the path of Envoy's executable")
    #expect(
      try message(variable: "\(folder.path)/plain/envoy")
        == "there is no Envoy: ENVOY names \(folder.path)/plain/envoy, "
        + "which cannot be executed; give the path of Envoy's executable")
    #expect(
      try message(named: "no-such-envoy")
        == "there is no Envoy: --binary-path names the program no-such-envoy, which is "
        + "not in PATH; give the whole path of Envoy's executable")
  }

  @Test("is missed in one sentence")
  func nowhere() throws {
    let failure = try #require(throws: LaunchFailure.self) { try find(path: "/nowhere", program: "path/x/kuma-dp") }
    #expect(failure.code == .noEnvoy)
    #expect(failure.description.contains("--binary-path"))
    #expect(
      failure.description.contains("`Scripts/setup demo`"),
      "it installs an Envoy and nothing for tests")
  }
}

@Suite("Envoy")
struct EnvoyTests {
  @Test("tells its version")
  func version() throws {
    let version = try #require(EnvoyVersion(output: "\nenvoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n\n"))
    #expect(version.number == "1.40.0")
    #expect(version.build == "9e55/1.40.0/Clean/RELEASE/BoringSSL")
    #expect(version.isTested)
    #expect(EnvoyVersion(output: "envoy  version: 9e55/1.4.0/Clean")?.isTested == false)
    #expect(EnvoyVersion(output: "envoy  version: 9e55/1.400.0/Clean")?.isTested == false)
    for output in ["", "version:", "version: 1.40.0", "version: a//b", "Envoy 1.40.0"] {
      #expect(EnvoyVersion(output: output) == nil, "\(output)")
    }
  }

  @Test("tells its version when asked, the real one", .enabled(if: realEnvoy != nil))
  func realVersion() async throws {
    let version = try await EnvoyVersion.read(from: try #require(realEnvoy))
    #expect(version.number.split(separator: ".").count == 3)
    #expect(version.build.contains("/\(version.number)/"))
  }

  @Test(
    "is no other program",
    arguments: [
      ("#!/bin/sh\necho I am a shell", "ended without an error: I am a shell"),
      ("#!/bin/sh\necho broken >&2; exit 3", "ended with exit code 3: broken"),
      ("#!/bin/sh\nsleep 1000", "was ended by signal 9 (SIGKILL)"),
    ])
  func noEnvoy(script: String, said: String) async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(script, to: "envoy", isExecutable: true)
    let timeout: Duration = script.contains("sleep") ? .milliseconds(200) : .seconds(60)
    let failure = await #expect(throws: LaunchFailure.self) {
      try await EnvoyVersion.read(from: file, timeout: timeout)
    }
    #expect(failure?.code == .unusableEnvoy)
    #expect(failure?.description == "\(file) is not a usable Envoy: with --version it \(said)")
  }

  @Test("is started with these arguments")
  func arguments() throws {
    var configuration = try LaunchConfiguration(
      SettingValues(flags: ["dataplane.name": "web"], environment: [:]), variables: [])
    #expect(
      EnvoyProcess.arguments(bootstrapFile: "/x/bootstrap.yaml", configuration) == [
        "-c", "/x/bootstrap.yaml", "--drain-time-s", "30", "--disable-hot-restart", "-l", "warning",
      ])
    configuration.concurrency = 2
    configuration.drainTime = .milliseconds(1500)
    configuration.envoyLogLevel = "off"
    #expect(
      EnvoyProcess.arguments(bootstrapFile: "b", configuration) == [
        "-c", "b", "--drain-time-s", "2", "--disable-hot-restart", "-l", "off", "--concurrency", "2",
      ])
  }

  @Test("is busy with requests, and with connections of other protocols, but not with idle ones")
  func busy() {
    let administration = """
      http.admin.downstream_cx_active: 1
      http.admin.downstream_rq_active: 1
      listener.admin.downstream_cx_active: 1
      listener.admin.main_thread.downstream_cx_active: 1
      """
    #expect(EnvoyDrain.busy("") == 0)
    #expect(EnvoyDrain.busy(administration) == 0)
    let idle = """
      http.localhost_8080.downstream_cx_active: 3
      http.localhost_8080.downstream_rq_active: 0
      listener.127.0.0.1_8080.downstream_cx_active: 3
      listener.127.0.0.1_8080.worker_0.downstream_cx_active: 2
      listener.127.0.0.1_8080.worker_1.downstream_cx_active: 1
      """
    #expect(EnvoyDrain.busy(administration + "\n" + idle) == 0)
    #expect(EnvoyDrain.busy(idle.replacing("rq_active: 0", with: "rq_active: 2")) == 2)
    #expect(EnvoyDrain.busy(idle + "\nlistener.127.0.0.1_3306.downstream_cx_active: 4") == 4)
    #expect(EnvoyDrain.busy("http.x.downstream_rq_active: 99999999999999999999\nnonsense\n: 3") == 0)
  }

  @Test("gets a port that nobody has, neither a server nor another run")
  func ports() async throws {
    var port = LoopbackPort.any()
    let number = try #require(port).number
    #expect(LoopbackPort.isFree(number))
    withExtendedLifetime(port) { #expect(LoopbackPort(number) == nil) }
    port = nil
    #expect(LoopbackPort(number) != nil)
    try await LoopbackServer.run(TestControlPlane.giving("")) { base in
      let taken = try #require(base.split(separator: ":").last.flatMap { UInt16($0) })
      #expect(LoopbackPort(taken) == nil)
    }
  }

  @Test("has its configuration where only its owner reads it")
  func directory() throws {
    let folder = try TemporaryFolder()
    func permissions(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    let temporary = try WorkDirectory(nil, temporaryParent: folder.path)
    #expect(temporary.path.hasPrefix("\(folder.path)/kuma-dp-"))
    #expect(try permissions(temporary.path) == 0o700)
    let file = try temporary.write("node: {}\n", to: "bootstrap.yaml")
    #expect(try permissions(file) == 0o600)
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "node: {}\n")
    temporary.remove()
    #expect(try folder.names.isEmpty)

    let given = try WorkDirectory("\(folder.path)/a/b", temporaryParent: nil)
    let kept = try given.write("x", to: "bootstrap.yaml")
    given.remove()
    #expect(try permissions(kept) == 0o600)
    #expect(try permissions("\(folder.path)/a") == 0o700)

    let failure = #expect(throws: LaunchFailure.self) { try WorkDirectory(kept, temporaryParent: nil) }
    #expect(failure?.description == "\(kept) is not a directory; name another with --config-dir")
    let missing = #expect(throws: LaunchFailure.self) { try WorkDirectory(nil, temporaryParent: "/nowhere") }
    #expect(missing?.code == .unusableDirectory)
  }
}
