import HTTPService
import HTTPTypes
import MeshHTTP
import MeshModel
import Testing

/// What a browser finds where Kuma has its pages.
@Suite struct GuideTests {
  @Test(
    "the address that the API names says where pages are, and never that nothing is there",
    arguments: ["/gui", "/gui/"])
  func guide(path: String) async {
    let api = TestAPI()
    #expect(await api.get("/").document["gui"]?.string == "/gui")
    let answer = await api.send(.get, path, headers: [.accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"])
    #expect(answer.status == 200)
    #expect(answer.contentType == "text/html")
    let text = answer.body
    #expect(text.contains("The trace collector, which has a page for traces, does not run in this control plane."))
    #expect(text.contains("kumactl inspect dataplanes"))
  }

  @Test("where a collector runs, its address is a link, whatever characters are in it")
  func collector() async throws {
    let api = TestAPI(foreign: {
      var operation = Operation(.get, "/x", "X.")
      operation.servers = ["http://a<b>\"&:9411"]
      return [operation]
    })
    let answer = await api.get("/gui")
    let text = answer.body
    #expect(answer.status == 200 && answer.headers[.location] == nil)
    #expect(text.contains("<a href=\"http://a&lt;b>&quot;&amp;:9411/\">"))
  }

  @Test("a browser is led to the view of the mesh, by the name at which it asks")
  func redirect() async throws {
    let api = TestAPI(foreign: {
      var operation = Operation(.get, "/x", "X.")
      operation.servers = ["https://127.0.0.1:9411"]
      return [operation]
    })
    let answer = await api.send(.get, "/gui", headers: [.accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"])
    #expect(answer.status == 302)
    #expect(answer.headers[.location]?.hasSuffix(":9411/mesh") == true)
    #expect(answer.body.contains("kumactl doctor"), "for those whose browser does not go on")
  }
}
