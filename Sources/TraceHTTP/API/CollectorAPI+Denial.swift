package import HTTPService
package import HTTPTypes
import TraceModel

extension CollectorAPI {
  /// Why the server does not let a client do what it asks for.
  package enum Denial: Sendable, Hashable {
    /// The client did not show who it is, or what it showed does not count.
    case unauthenticated
    /// The client is known, and may not do it; the text says what.
    case forbidden(String)
  }

  /// The answer to a request of a client that has to authenticate first, or that may not do what it asks for.
  ///
  /// It says what to send, and not what was wrong. Senders of spans get it in their own form, and with a status that no tracer and no
  /// exporter answers by sending again: the spans are lost either way, and a sender that repeats itself would only add load.
  package static func refuse(_ request: HTTPRequest, because denial: Denial) -> Answer {
    let (status, message): (HTTPResponse.Status, String) =
      switch denial {
      case .unauthenticated where takesSpans(request):
        (
          .unauthorized,
          "spans are accepted with a token: send the header Authorization: Bearer TOKEN, with the ingest token of the mesh"
        )
      case .unauthenticated:
        (.unauthorized, "sign in, or send the header Authorization: Bearer TOKEN, with a user token")
      case .forbidden(let action): (.forbidden, action)
      }
    var answer = isForExporters(request) ? OTLPAnswer(request).denial(status, message) : .text("\(message)\n", status)
    answer.finish()
    return answer
  }
}
