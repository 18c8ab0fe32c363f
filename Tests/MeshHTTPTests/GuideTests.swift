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
    let text = await api.get("/gui").body
    #expect(text.contains("<a href=\"http://a&lt;b>&quot;&amp;:9411/\">"))
  }
}
