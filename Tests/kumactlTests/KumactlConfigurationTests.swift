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

  @Test("survives files of any shape", arguments: ["", "contexts: 1", "controlPlanes: [1, {}]", "currentContext: [a]"])
  func shapes(text: String) throws { #expect(try KumactlConfiguration(yaml: text).active == nil) }

  @Test("is refused when it is not an object or not YAML", arguments: ["[]", "text", "contexts: ["])
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
