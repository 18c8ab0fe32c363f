import MeshModel
import Testing

@testable import kuma_dp

@Suite("Definition of a Dataplane")
struct DataplaneDefinitionTests {
  private func failure(_ text: String, variables: [String: String] = [:]) throws -> String {
    let failure = try #require(throws: LaunchFailure.self) {
      try DataplaneDefinition(text, source: "web.yaml", variables: variables)
    }
    #expect(failure.code == .badDataplane)
    return failure.description
  }

  @Test("is read in the Universal and in the Kubernetes form, in YAML and in JSON")
  func forms() throws {
    let universal = try DataplaneDefinition(TestControlPlane.definition, source: "web.yaml", variables: [:])
    #expect(universal.resource.key == ResourceKey(type: .dataplane, mesh: "default", name: "web-1"))
    #expect(universal.notices.isEmpty)
    #expect(universal.adminPort == nil)
    let json = universal.resource.document().json()
    #expect(try DataplaneDefinition(json, source: "web.json", variables: [:]).resource == universal.resource)
    let kubernetes = universal.resource.document(.kubernetes).yaml() + "---\n"
    #expect(try DataplaneDefinition(kubernetes, source: "web.yaml", variables: [:]).resource == universal.resource)
  }

  @Test("tells every violation with its path")
  func violations() throws {
    let text = """
      type: Dataplane
      name: Web
      networking:
        address: ""
        inbound:
        - port: 0
          tags: {kuma.io/protocol: htp}
      """
    #expect(
      try failure(text) == """
        web.yaml: the Dataplane is not valid:
        * name: invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols.
        * mesh: cannot be empty
        * networking.address: address can't be empty
        * networking.inbound[0].port: port must be in the range [1, 65535]
        * networking.inbound[0].tags["kuma.io/protocol"]: tag "kuma.io/protocol" has an invalid value "htp". \
        Allowed values: grpc, http, http2, kafka, tcp
        * networking.inbound[0].tags["kuma.io/service"]: tag has to exist
        """)
  }

  @Test("names the place of what is not YAML")
  func syntax() throws {
    let message = try failure("type: Dataplane\nmesh: [default\nname: web\n")
    #expect(message.hasPrefix("web.yaml: line 3, column "))
  }

  @Test("names the place of what is not a template")
  func template() throws {
    #expect(try failure("type: Dataplane\nname: {{ name\n").hasPrefix("web.yaml: line 3, column "))
  }

  @Test(
    "is one Dataplane",
    arguments: [
      ("", "web.yaml: it contains no Dataplane"), ("---\n---\n", "web.yaml: it contains no Dataplane"),
      ("{type: Dataplane}\n---\n{type: Mesh}", "web.yaml: there are 2 documents in it; a proxy has one Dataplane"),
      ("type: Mesh\nname: default\n", "web.yaml: it holds a Mesh, not a Dataplane"),
      ("type: Dataplan\n", "web.yaml: invalid resource type \"Dataplan\""),
      ("- a\n", "web.yaml: the document has to be an object, not array"),
      (
        "type: Dataplane\nnetworking: {inbound: 3}", "web.yaml: networking.inbound has to be a list, not number"
      ),
    ])
  func wrongKinds(text: String, message: String) throws { #expect(try failure(text) == message) }

  @Test("warns of unknown fields")
  func notices() throws {
    let text = TestControlPlane.definition.replacing("servicePort", with: "servicePrt") + "\n  admin: {port: 9902}\n"
    let definition = try DataplaneDefinition(text, source: "web.yaml", variables: [:])
    #expect(
      definition.notices == [
        "web.yaml: networking.inbound[0].servicePrt: unknown field, ignored; did you mean \"servicePort\"?"
      ])
    #expect(definition.adminPort == 9902)
  }
}
