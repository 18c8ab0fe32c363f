public import HTTPTypes

/// Why a request is answered before anybody has looked at what it asks for.
public enum RequestRefusal: Sendable, Hashable {
  /// The body is larger than so many bytes, or says that it will be.
  case bodyTooLarge(limit: Int)
  /// Too much is being received at the moment.
  case overloaded
  /// The request breaks the rules of HTTP; the text says how.
  case malformed(String)
  /// The head is too large.
  case headTooLarge
  /// The request, or its body, did not come in time.
  case late
  /// `Expect` wants something that there is not.
  case expectation
  /// `Host` is none of the server's names; the text is what it says.
  case foreignHost(String)
  /// A page of another site sent it; the text is where it comes from.
  case foreignPage(String)

  /// The status of the answer.
  public var status: HTTPResponse.Status {
    switch self {
    case .bodyTooLarge: .contentTooLarge
    case .overloaded: .serviceUnavailable
    case .malformed: .badRequest
    case .headTooLarge: .requestHeaderFieldsTooLarge
    case .late: .requestTimeout
    case .expectation: .expectationFailed
    case .foreignHost, .foreignPage: .forbidden
    }
  }

  /// What is wrong and what to do, in a sentence. It holds nothing that could act on a terminal or in a page.
  ///
  /// - Parameters:
  ///   - hosts: the name of the setting that allows further hosts.
  ///   - origins: the name of the setting that allows origins; nil where there is none.
  public func sentence(hostSetting hosts: String, originSetting origins: String?) -> String {
    switch self {
    case .bodyTooLarge(let limit): "The body is larger than \(limit) bytes; send less at a time."
    case .overloaded: "Too much is being received at the moment; send the request again later."
    case .malformed(let reason): "The request is not valid HTTP/1.1: \(reason)."
    case .headTooLarge: "The head of the request is too large; send fewer or shorter header fields."
    case .late: "The request did not come in time; send it faster, or in smaller parts."
    case .expectation: "The server knows no expectation but 100-continue."
    case .foreignHost(let host):
      "The host \(Self.quoted(host)) is none of this server's names. Use an IP address or localhost, or name the host in "
        + "the setting \(hosts)."
    case .foreignPage(let origin):
      if let origins {
        "Pages of \(Self.quoted(origin)) may not use this server; the setting \(origins) says which may."
      } else {
        "Pages of \(Self.quoted(origin)) may not use this server: it is not for browsers."
      }
    }
  }

  /// How long to wait before the request is sent again, in seconds; nil where that is of no use.
  public var retryAfter: Int? { self == .overloaded ? 1 : nil }

  /// What to count it as: the label of a metric.
  var reason: ListenerCounts.Event {
    switch self {
    case .bodyTooLarge: .tooLarge
    case .overloaded: .overloaded
    case .malformed, .headTooLarge, .expectation: .malformed
    case .late: .late
    case .foreignHost: .foreignHost
    case .foreignPage: .foreignPage
    }
  }

  /// Text from a header in quotation marks: printable ASCII, and not more than a line of it.
  private static func quoted(_ text: String) -> String {
    let isLong = text.utf8.count > 100
    let plain = text.utf8.prefix(100).map { (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x3C ? $0 : 0x3F }
    return "\"\(String(decoding: plain, as: UTF8.self))\(isLong ? "…" : "")\""
  }
}
