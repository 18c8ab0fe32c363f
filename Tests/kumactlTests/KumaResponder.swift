import HTTPTypes
import LoopbackTestSupport

/// A control plane of Kuma's that refuses every request but the one for its version.
enum KumaResponder {
  /// - Parameter refusal: the answer with status 400, as JSON.
  static func refusing(with refusal: String) -> LoopbackServer.Responder {
    { request, _ in
      let isIndex = request.path == "/"
      let text = isIndex ? #"{"tagline":"Kuma","version":"2.7.0"}"# : refusal
      return (
        HTTPResponse(status: isIndex ? .ok : .badRequest, headerFields: [.contentType: "application/json"]),
        Array(text.utf8)
      )
    }
  }
}
