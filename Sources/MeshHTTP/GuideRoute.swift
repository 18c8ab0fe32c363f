import HTTPService
import HTTPTypes
import MeshModel

/// A page at the path of Kuma's GUI, which `GET /` names. The page for the mesh is that of the trace collector: browsers are led there,
/// and programs are told.
struct GuideRoute: Sendable {
  /// The collector's address, if it runs.
  let foreign: @Sendable () -> [Operation]

  /// The path of the page.
  static let path = "/gui"

  var route: Route {
    Route(
      .get, Self.path, "Says, as a page, where there are pages and how to look at the mesh.", produces: [MediaType.html]
    ) { request in answer(to: request.head) }
  }

  private func answer(to request: HTTPRequest) -> Answer {
    let collector = foreign().lazy.compactMap(\.servers.first).first.map {
      CollectorPage.address($0, for: request.authority)
    }
    var answer = Answer.text(page(linkingTo: collector.map(Self.escaped)), type: MediaType.html)
    if let collector, request.headerFields[.accept]?.lowercased().contains(MediaType.html) == true {
      answer.status = .found
      answer.fields[.location] = "\(collector)/mesh"
    }
    return answer
  }

  private func page(linkingTo collector: String?) -> String {
    let traces =
      collector.map {
        "Who of the mesh is traced, and who is not and why: <a href=\"\($0)/mesh\">\($0)/mesh</a>. Traces, services and who "
          + "breaks traces: <a href=\"\($0)/\">\($0)</a>. Both are the trace collector's page."
      }
      ?? "The trace collector, which has a page for traces, does not run in this control plane."
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="color-scheme" content="light dark">
      <title>kuma-trace</title>
      </head>
      <body>
      <h1>There is no page for the mesh here</h1>
      <p>\(traces)</p>
      <p>Why there are no traces: <code>kumactl doctor</code>.
      Meshes, proxies and policies: <code>kumactl get meshes</code>, <code>kumactl inspect dataplanes</code>, or the HTTP
      API, which <a href="\(DescriptionRoute.path)">\(DescriptionRoute.path)</a> describes.</p>
      </body>
      </html>

      """
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
  }
}
