import HTTPTypes
import Logging
import NIOCore
import SecretPatterns

/// A received request, with its id and time for the log.
struct ReceivedRequest: Sendable {
  let head: HTTPRequest
  /// Identifies the request in logs; nil if requests are not logged.
  let id: String?
  /// When the head was complete; not set without an id.
  let since: NIODeadline

  init(_ head: HTTPRequest, isLogged: Bool) {
    self.head = head
    id = isLogged ? Self.id(of: head) : nil
    since = isLogged ? .now() : .distantPast
  }

  /// The id that the client sent, if it is safe to log, or a new one.
  static func id(of request: HTTPRequest) -> String {
    if let given = request.headerFields[.requestID], (1...128).contains(given.utf8.count),
      given.utf8.allSatisfy(isPartOfID)
    {
      return given
    }
    let digits = String(UInt64.random(in: 1...UInt64.max), radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  private static func isPartOfID(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-_.:/+=".utf8.contains(byte)
    }
  }
}

extension RequestService {
  /// The sentence of the line of a request. There is one for each, because the user has asked for that.
  package static let requestSentence = "request"

  var logsRequests: Bool { logger.logLevel <= requestLogLevel }

  /// Counts a request whose answer is about to be sent. If requests are logged, logs it and adds its id to the answer.
  func record(_ request: ReceivedRequest, _ answer: inout Answer, from address: SocketAddress?) {
    counts.count(operation: answer.operation, status: answer.status.code)
    guard let id = request.id else { return }
    if let name = HTTPField.Name.requestID { answer.fields[name] = id }
    let microseconds = (NIODeadline.now() - request.since).nanoseconds / 1_000
    logger.log(
      level: requestLogLevel, "\(Self.requestSentence)",
      metadata: [
        "id": "\(id)", "server": "\(counts.name)", "remote": "\(address?.authority ?? "unknown")",
        "method": "\(request.head.method.rawValue)", "path": "\(Self.logged(request.head.path ?? ""))",
        "status": "\(answer.status.code)", "milliseconds": "\(Double(microseconds) / 1_000)",
        "bytes": "\(request.head.method == .head ? 0 : answer.body.count)",
      ])
  }
}

extension RequestService {
  private static let secrets = SecretFinder()
  /// The longest target of a request that is looked at, and what is logged of it, in characters.
  private static let loggedTarget = (read: 4_096, written: 512)

  /// A target without its secrets: people put tokens into links.
  static func logged(_ target: String) -> Substring {
    let target = String(target.prefix(loggedTarget.read))
    return (secrets.hiding(target)?.text ?? target).prefix(loggedTarget.written)
  }
}

extension HTTPField.Name {
  static let requestID = Self("X-Request-Id")
}
