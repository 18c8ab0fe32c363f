import MeshModel
import Testing

@testable import MeshClient

@Suite("Errors of control planes")
struct ControlPlaneErrorTests {
  @Test(
    "are read in both spellings",
    arguments: [
      #"{"title":"Could not process a resource","details":"Resource is not valid","causes":[{"field":"mesh","message":"no"}]}"#,
      #"{"type":"/std-errors","status":400,"title":"Could not process a resource","detail":"Resource is not valid","#
        + #""invalid_parameters":[{"field":"mesh","reason":"no"}]}"#,
      #"{"title":"Could not process a resource","detail":"Resource is not valid","details":"Resource is not valid","#
        + #""invalid_parameters":[{"field":"mesh","reason":"no"}],"causes":[{"field":"mesh","message":"no"}]}"#,
    ])
  func spellings(body: String) {
    let error = ControlPlaneError(status: 400, body: Array(body.utf8), request: "PUT http://x/meshes/a")
    #expect(error.code == .refused)
    #expect(error.status == 400)
    #expect(error.violations == [Violation(field: "mesh", message: "no")])
    #expect(error.description == "Could not process a resource (Resource is not valid)\n* mesh: no")
  }

  @Test(
    "have a code for each kind of status",
    arguments: [
      (400, .refused), (401, .denied), (403, .denied), (404, .notFound), (405, .notAllowed), (409, .conflict),
      (413, .refused), (500, .server), (503, .server), (302, .unexpectedAnswer),
    ] as [(Int, ControlPlaneError.Code)])
  func codes(status: Int, code: ControlPlaneError.Code) {
    #expect(ControlPlaneError(status: status, body: [], request: "GET x").code == code)
  }

  @Test("quote an answer that is not an error of a control plane, shortened and on one line")
  func foreign() {
    let page = "<html>\r\n<h1>Bad Gateway</h1>\n" + String(repeating: "x", count: 10_000)
    let error = ControlPlaneError(status: 502, body: Array(page.utf8), request: "GET http://x/meshes")
    #expect(
      error.description.hasPrefix("GET http://x/meshes was answered with status 502 (<html> <h1>Bad Gateway</h1>"))
    #expect(!error.description.contains("\n"))
    #expect(error.description.count < 300)
  }

  @Test("say that an address is unknown when the answer is not from a control plane")
  func unknownAddress() {
    let error = ControlPlaneError(status: 404, body: Array("404: Page Not Found".utf8), request: "GET http://x/y")
    #expect(error.code == .notFound)
    #expect(error.description == "GET http://x/y: the server does not know this address")
  }

  @Test(
    "survive bodies of any shape",
    arguments: [
      "", "null", "[]", "{", #"{"title":1}"#, #"{"title":"a","causes":{}}"#, #"{"title":"a","causes":[1,{"field":2}]}"#,
    ])
  func shapes(body: String) {
    let error = ControlPlaneError(status: 500, body: Array(body.utf8), request: "GET x")
    #expect(error.code == .server)
    #expect(!error.description.isEmpty)
  }
}
