import Synchronization

/// Why a connection of HTTP/2 is ended, or a stream is not opened.
package enum FrameRefusal: String, Sendable, CaseIterable {
  /// The client ends streams before they are answered.
  case resets
  /// A header block comes in too many frames.
  case continuations
  /// A header block is too large.
  case headerBlock = "header_block"
  /// The client changes its settings again and again.
  case settings
  /// The client sends PING.
  case pings
  /// The client answers settings or pings that nobody sent.
  case answers
  /// The client sends PRIORITY.
  case priorities
  /// The client sends DATA without content.
  case emptyData = "empty_data"
  /// The client grants more room in too many steps.
  case windowUpdates = "window_updates"
  /// The client sends frames of extensions.
  case extensions
  /// The client opens streams one after the other.
  case openings
  /// The server had to end too many streams because of errors.
  case streamErrors = "stream_errors"
  /// Too many streams are open at a time.
  case streams
  /// One stream was refused; the connection stays.
  case refusedStream = "refused_stream"
  /// The connection has had no stream with a request for long.
  case idle
  /// HTTP/2's library ended the connection.
  case violation

  /// What is wrong and what to do.
  var sentence: String {
    let limits = FrameLimits.self
    return switch self {
    case .resets: "too many streams were reset: \(limits.resets.words) are allowed; let requests end"
    case .continuations:
      "a header block came in more than \(limits.continuations) CONTINUATION frames; send fewer or shorter headers"
    case .headerBlock:
      "a header block is larger than \(limits.headerBlockBytes) bytes; send fewer or shorter headers"
    case .settings: "too many SETTINGS frames: \(limits.settings.words) are allowed"
    case .pings: "too many PING frames: \(limits.pings.words) are allowed; ping less often"
    case .answers: "too many answers to SETTINGS or PING frames that were not sent: \(limits.answers.words) are allowed"
    case .priorities: "too many PRIORITY frames: \(limits.priorities.words) are allowed; they have no effect here"
    case .emptyData: "more than \(limits.emptyData) DATA frame without content came in a request"
    case .windowUpdates:
      "too many WINDOW_UPDATE frames: \(limits.windowUpdates.words) are allowed, and "
        + "\(limits.updatesPerWindow) for each \(limits.bytesPerUpdates) bytes that were sent; grant more at a time"
    case .extensions: "too many frames of other types: \(limits.extensions.words) are allowed"
    case .openings: "too many requests on a connection: \(limits.openings.words) are allowed; send fewer"
    case .streamErrors:
      "too many streams had to be ended because of errors: \(limits.streamErrors.words) are allowed; do as RFC 9113 says"
    case .streams, .refusedStream:
      "too many streams at a time on a connection: SETTINGS_MAX_CONCURRENT_STREAMS says how many are allowed"
    case .idle: "the connection had no request for too long; connect again when there is one"
    case .violation: "the connection broke the rules of HTTP/2 (RFC 9113)"
    }
  }

  /// The code of GOAWAY with which the server ends a connection: NO_ERROR for one without requests.
  var code: UInt32 { self == .idle ? 0 : GoAway.enhanceYourCalm }

  /// What a client is told when HTTP/2's library ends the connection with an error code.
  static func sentence(ofCode code: UInt32) -> String {
    switch code {
    case 0x0: "the server closes this connection; connect again"
    case 0x3: "the connection broke the rules of flow control (RFC 9113, section 5.2)"
    case 0x6: "a frame has a length that is not allowed; the largest has \(FrameLimits.frameBytes) bytes"
    case 0x9:
      "a header block cannot be decompressed, or has more than \(FrameLimits.headerBlockBytes) bytes when it is; send "
        + "fewer or shorter headers"
    case GoAway.enhanceYourCalm: "too many frames that do no work; send fewer"
    default: FrameRefusal.violation.sentence
    }
  }
}

extension Allowance {
  /// The budget in words.
  fileprivate var words: String {
    let rate = perSecond >= 1 ? "\(Int(perSecond)) a second" : "one in \(Int(1 / perSecond)) s"
    return "\(burst) at once, then \(rate)"
  }
}

/// Counts connections and streams of HTTP/2 that were refused, by reason.
package final class FrameCounts: Sendable {
  private let counts = Mutex<[FrameRefusal: Int]>([:])

  /// Makes counts of zero.
  package init() {}

  /// How often a refusal has happened.
  package subscript(_ refusal: FrameRefusal) -> Int { counts.withLock { $0[refusal] ?? 0 } }

  func count(_ refusal: FrameRefusal) { counts.withLock { $0[refusal, default: 0] &+= 1 } }
}
