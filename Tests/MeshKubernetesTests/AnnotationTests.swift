import Documents
import MeshKubernetes
import MeshModel
import Testing

@Suite("How annotations of pods are read")
struct AnnotationTests {
  @Test(
    "Truth values have three spellings",
    arguments: [
      ("enabled", true), ("true", true), ("yes", true), ("disabled", false), ("false", false), ("no", false),
    ])
  func truthValues(text: String, expected: Bool) throws {
    #expect(try Annotations(["kuma.io/gateway": text]).boolean(.gateway) == expected)
  }

  @Test("Anything else is not a truth value", arguments: ["", "on", "True", "ENABLED", "1", " yes"])
  func wrongTruthValues(text: String) {
    let error = #expect(throws: AnnotationError.self) { try Annotations(["kuma.io/gateway": text]).boolean(.gateway) }
    #expect(error?.message == "annotation \"kuma.io/gateway\" has wrong value \"\(text)\"")
    #expect(error?.key == "kuma.io/gateway")
  }

  @Test("Numbers are unsigned and have 32 bits", arguments: [("0", 0), ("007", 7), ("4294967295", UInt32.max)])
  func numbers(text: String, expected: UInt32) throws {
    #expect(try Annotations(["kuma.io/envoy-admin-port": text]).number(.envoyAdminPort) == expected)
  }

  @Test(
    "Anything else is not a number",
    arguments: [
      ("", "invalid syntax"), ("-1", "invalid syntax"), ("+1", "invalid syntax"), ("1_000", "invalid syntax"),
      ("0x10", "invalid syntax"), ("9901 ", "invalid syntax"), ("4294967296", "value out of range"),
      ("99999999999999999999999", "value out of range"),
    ])
  func wrongNumbers(text: String, reason: String) {
    let error = #expect(throws: AnnotationError.self) {
      try Annotations(["kuma.io/envoy-admin-port": text]).number(.envoyAdminPort)
    }
    #expect(
      error?.message
        == "failed to parse annotation \"kuma.io/envoy-admin-port\": strconv.ParseUint: parsing \"\(text)\": \(reason)")
  }

  @Test("Lists have commas between their items and drop empty items")
  func lists() {
    func list(_ text: String) -> [String]? {
      Annotations(["kuma.io/direct-access-services": text]).list(.directAccessServices)
    }
    #expect(list("a,b") == ["a", "b"])
    #expect(list(",a,,b,") == ["a", "b"])
    #expect(list("a, b") == ["a", " b"])
    #expect(list("") == [])
    #expect(Annotations([:]).list(.directAccessServices) == nil)
  }

  @Test("Maps are key=value;key=value")
  func maps() throws {
    func map(_ text: String) throws -> [String: String]? {
      try Annotations(["kuma.io/sidecar-env-vars": text]).map(.sidecarEnvironment)
    }
    #expect(try map("A=1;B=2") == ["A": "1", "B": "2"])
    #expect(try map("A=;B=2") == ["A": "", "B": "2"])
    #expect(try map("A=1;A=2") == ["A": "2"])
    for wrong in ["", "A", "A=1;", "A=1;B", "A=1=2", "A:1"] {
      let error = #expect(throws: AnnotationError.self) { try map(wrong) }
      #expect(
        error?.message
          == "invalid format. Map in \"kuma.io/sidecar-env-vars\" has to be provided in the following format: "
          + "key1=value1;key2=value2")
    }
  }

  @Test("Durations are Go's")
  func durations() throws {
    func duration(_ text: String) throws -> Duration? {
      try Annotations(["kuma.io/sidecar-drain-time": text]).duration(.sidecarDrainTime)
    }
    #expect(try duration("1m30s") == .seconds(90))
    for (wrong, message) in [
      ("5", "time: missing unit in duration \"5\""), ("", "time: invalid duration \"\""),
      ("5x", "time: unknown unit \"x\" in duration \"5x\""), ("soon", "time: invalid duration \"soon\""),
    ] {
      #expect(
        #expect(throws: AnnotationError.self) { try duration(wrong) }?.message
          == "failed to parse annotation \"kuma.io/sidecar-drain-time\": \(message)")
    }
  }

  @Test("Annotations that are not there, and values that are not texts, are nil")
  func absent() throws {
    let document = try #require(
      try DocumentValue.yamlDocuments("metadata: {annotations: {kuma.io/gateway: true}}").first)
    for annotations in [Annotations(nil), Annotations(of: try #require(document.object)), Annotations(5)] {
      #expect(try annotations.boolean(.gateway) == nil)
      #expect(try annotations.number(.envoyAdminPort) == nil)
      #expect(try annotations.map(.sidecarEnvironment) == nil)
      #expect(try annotations.duration(.sidecarDrainTime) == nil)
    }
  }

  @Test("A long value is shown in part")
  func longValues() {
    let text = String(repeating: "9", count: 200_000)
    let annotations = Annotations(["kuma.io/envoy-admin-port": text, "kuma.io/gateway": text])
    #expect(
      #expect(throws: AnnotationError.self) { try annotations.number(.envoyAdminPort) }?.message.utf8.count ?? .max
        < 500)
    #expect(
      #expect(throws: AnnotationError.self) { try annotations.boolean(.gateway) }?.message.utf8.count ?? .max < 500)
  }
}
