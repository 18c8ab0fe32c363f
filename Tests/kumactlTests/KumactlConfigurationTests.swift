import Foundation
import MeshModel
import OrderedCollections
import Testing

@testable import KumactlCommands

@Suite("The configuration of the command line")
struct KumactlConfigurationTests {
  @Test("begins with the control plane of this machine")
  func standard() {
    let configuration = KumactlConfiguration.standard
    #expect(configuration.active?.name == "local")
    #expect(configuration.active?.url == "http://localhost:5681")
  }

  @Test("is the same after it was written and read")
  func roundTrip() throws {
    var configuration = KumactlConfiguration.standard
    configuration.add(
      .init(name: "one", url: "https://one:5682", settings: ["skipVerify": true, "caCertFile": "ca.pem"]))
    let read = try KumactlConfiguration(yaml: configuration.yaml)
    #expect(read.yaml == configuration.yaml)
    #expect(read.controlPlanes.map(\.name) == ["local", "one"])
    #expect(read.active?.skipVerify == true)
    #expect(read.active?.caCertFile == "ca.pem")
  }

  @Test("holds what several have changed at once")
  func together() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kumactl-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "config").path
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<8 {
        let read = try ConfigurationFile(path: path, isStored: true)
        group.addTask {
          var file = read
          try file.change { $0.add(.init(name: "cp-\(number)", url: "http://cp-\(number)")) }
        }
      }
      try await group.waitForAll()
    }
    let names = try ConfigurationFile(path: path, isStored: true).configuration.controlPlanes.map(\.name)
    #expect(names.sorted() == (0..<8).map { "cp-\($0)" } + ["local"])
  }

  @Test("keeps what it does not know")
  func unknownKeys() throws {
    let text = """
      controlPlanes:
      - name: a
        coordinates: {apiServer: {url: "http://a", novelty: 1}}
      contexts:
      - {name: a, controlPlane: a, defaults: {mesh: demo}}
      currentContext: a
      """
    var configuration = try KumactlConfiguration(yaml: text)
    configuration.add(.init(name: "b", url: "http://b"))
    #expect(configuration.yaml.contains("novelty: 1"))
    #expect(configuration.yaml.contains("mesh: demo"))
  }

  /// A file as Kuma's kumactl writes it, with what a later version or an extension may add.
  private static let ofKuma = """
    contexts:
    - controlPlane: cp
      defaults:
        mesh: demo
      name: cp
    controlPlanes:
    - coordinates:
        apiServer:
          authConf:
            token: abc
          authType: tokens
          caCertFile: ""
          headers:
          - key: x
            value: "1"
          skipVerify: true
          url: https://cp.example:5682
      name: cp
    currentContext: cp
    preferences:
      colour: false
      pages: [1, "2"]
      ratio: 0.5

    """

  @Test("that Kuma's kumactl wrote loses nothing when it is written back")
  func nothingLost() throws {
    let before = try DocumentValue.yamlDocuments(Self.ofKuma)
    var configuration = try KumactlConfiguration(yaml: Self.ofKuma)
    #expect(try DocumentValue.yamlDocuments(configuration.yaml) == before)
    #expect(configuration.active?.headers.count == 2)
    configuration.add(.init(name: "b", url: "http://b"))
    let removed = configuration.remove("b")
    #expect(removed)
    #expect(try DocumentValue.yamlDocuments(configuration.yaml) == before)
  }

  @Test(
    "is an error where something would be lost when it is written",
    arguments: [
      ("controlPlanes: {a: 1}", "controlPlanes has to be a list of objects"),
      ("contexts: [{name: a}, b]", "contexts has to be a list of objects"),
      ("currentContext: a\n---\ncurrentContext: b", "the file has to be one document, not 2"),
    ])
  func lossy(text: String, message: String) {
    let error = #expect(throws: DocumentError.self) { try KumactlConfiguration(yaml: text) }
    #expect(error?.message == message)
  }

  @Test("hands the active place on when its control plane is removed")
  func remove() {
    var configuration = KumactlConfiguration.standard
    configuration.add(.init(name: "one", url: "http://one"))
    let removed = configuration.remove("one")
    #expect(removed)
    #expect(configuration.active?.name == "local")
    let removedAgain = configuration.remove("one")
    #expect(!removedAgain)
    let removedLast = configuration.remove("local")
    #expect(removedLast)
    #expect(configuration.active == nil)
    let activated = configuration.activate("local")
    #expect(!activated)
  }

  @Test("sends the token and the headers of a control plane")
  func headers() {
    let controlPlane = KumactlConfiguration.ControlPlane(
      name: "a", url: "http://a",
      settings: [
        "headers": [["key": "X-A", "value": "1"], ["key": "broken"]], "authType": "tokens", "authConf": ["token": "t"],
      ])
    #expect(controlPlane.headers.map { "\($0.name): \($0.value)" } == ["X-A: 1", "authorization: Bearer t"])
  }

  @Test("survives files without an active control plane", arguments: ["", "contexts: []", "currentContext: [a]"])
  func shapes(text: String) throws { #expect(try KumactlConfiguration(yaml: text).active == nil) }

  @Test(
    "is refused when it is not an object or not YAML, or when something would be lost",
    arguments: ["[]", "text", "contexts: [", "contexts: 1", "controlPlanes: [1, {}]"])
  func refuse(text: String) {
    #expect(throws: DocumentError.self) { try KumactlConfiguration(yaml: text) }
  }

  @Test("is kept in a file that only its owner reads, made when it is not there")
  func file() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "kumactl-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "made/config").path()
    var file = try ConfigurationFile(path: path, isStored: true)
    file.configuration.add(.init(name: "one", url: "http://one"))
    try file.save()
    #expect(try ConfigurationFile(path: path, isStored: true).configuration.active?.name == "one")
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.appending(path: "made").path()) == ["config"])
  }
}
