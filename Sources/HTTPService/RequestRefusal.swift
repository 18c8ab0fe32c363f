public import HTTPTypes

/// Why the server refuses a request without calling the responder.
public enum RequestRefusal: Sendable, Hashable {
  /// The body, or its announced length, is larger than the limit.
  case bodyTooLarge(limit: Int)
  /// A budget is exhausted.
  case overloaded
  /// The client's address has too many connections.
  case addressFull(limit: Int)
  /// The client sends too many requests in a second.
  case tooManyRequests(perSecond: Int, seconds: Int)
  /// The request is not valid HTTP; the text says why.
  case malformed(String)
  /// The head is too large.
  case headTooLarge
  /// The request or its body did not arrive in time.
  case late
  /// `Expect` has an unsupported value.
  case expectation
  /// `Host` is not a name of the server; the text is its value.
  case foreignHost(String)
  /// A page of another site sent the request; the text is its origin.
  case foreignPage(String)
  /// The client uses no TLS, and has to.
  case plaintext

  /// The status of the answer.
  public var status: HTTPResponse.Status {
    switch self {
    case .bodyTooLarge: .contentTooLarge
    case .overloaded, .addressFull: .serviceUnavailable
    case .tooManyRequests: .tooManyRequests
    case .malformed, .plaintext: .badRequest
    case .headTooLarge: .requestHeaderFieldsTooLarge
    case .late: .requestTimeout
    case .expectation: .expectationFailed
    case .foreignHost, .foreignPage: .forbidden
    }
  }

  /// A sentence that says what is wrong and what to do. Its characters are safe for terminals and pages.
  ///
  /// - Parameters:
  ///   - hosts: the name of the setting that allows further hosts.
  ///   - origins: the name of the setting that allows origins; nil if there is none.
  public func sentence(hostSetting hosts: String, originSetting origins: String?) -> String {
    switch self {
    case .bodyTooLarge(let limit): "The body is larger than \(limit) bytes; send less at a time."
    case .overloaded: "The server is receiving too many requests; send the request again later."
    case .addressFull(let limit):
      "Your address has \(limit) connections to this server, the most for one address; close some, send requests over fewer, "
        + "or raise general.limits.connectionShare."
    case .tooManyRequests(let perSecond, let seconds):
      "You send more than \(perSecond) requests a second; send the request again in \(seconds) s, or raise "
        + "general.limits.requestsPerSecond."
    case .malformed(let reason): "The request is not valid HTTP/1.1: \(reason)."
    case .headTooLarge: "The head of the request is too large; send fewer or shorter header fields."
    case .late: "The request did not arrive in time; send it faster, or in smaller parts."
    case .expectation: "The server supports no expectation except 100-continue."
    case .foreignHost(let host):
      "\(Self.quoted(host)) is not a name of this server. Use an IP address or localhost, or add the name to the setting "
        + "\(hosts)."
    case .foreignPage(let origin):
      if let origins {
        "Pages of \(Self.quoted(origin)) may not use this server; the setting \(origins) allows origins."
      } else {
        "Pages of \(Self.quoted(origin)) may not use this server, which is not for browsers."
      }
    case .plaintext: "This port takes TLS; use https://."
    }
  }

  /// How many seconds the client should wait before it retries; nil if a retry does not help.
  public var retryAfter: Int? {
    switch self {
    case .overloaded, .addressFull: 1
    case .tooManyRequests(_, let seconds): seconds
    default: nil
    }
  }

  /// The error code with which a connection of HTTP/2 is refused.
  var goAwayCode: UInt32 { self == .plaintext ? GoAway.inadequateSecurity : GoAway.enhanceYourCalm }

  /// The event to count.
  var reason: ListenerCounts.Event {
    switch self {
    case .bodyTooLarge: .tooLarge
    case .overloaded: .overloaded
    case .addressFull: .addressFull
    case .tooManyRequests: .rate
    case .malformed, .headTooLarge, .expectation: .malformed
    case .late: .late
    case .foreignHost: .foreignHost
    case .foreignPage: .foreignPage
    case .plaintext: .plaintext
    }
  }

  /// Text from a header in quotation marks: printable ASCII, at most 100 characters.
  private static func quoted(_ text: String) -> String {
    let isLong = text.utf8.count > 100
    let plain = text.utf8.prefix(100).map { (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x3C ? $0 : 0x3F }
    return "\"\(String(decoding: plain, as: UTF8.self))\(isLong ? "…" : "")\""
  }
}
