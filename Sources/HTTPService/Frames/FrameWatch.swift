/// What a client may send on one connection of HTTP/2.
///
/// Each limit is stricter than the corresponding one of swift-nio-http2 (1.46: 200 resets, and 200 of PING, SETTINGS, PRIORITY
/// and the like together, in 30 seconds; 200 errors of streams; 5 CONTINUATION frames; 16 KiB of headers), which ends a connection
/// without a sentence.
/// The sums in 30 seconds are 80 resets, and 100 + 25 + 20 + 35 + 20 others.
enum FrameLimits {
  static let resets = Allowance(burst: 50, perSecond: 1)
  static let pings = Allowance(burst: 40, perSecond: 2)
  static let settings = Allowance(burst: 10, perSecond: 0.5)
  /// Answers to SETTINGS and PING that the server did not send.
  static let answers = Allowance(burst: 5, perSecond: 0.5)
  static let priorities = Allowance(burst: 20, perSecond: 0.5)
  static let extensions = Allowance(burst: 5, perSecond: 0.5)
  /// Streams that the server ends, because of an error or because there are too many.
  static let streamErrors = Allowance(burst: 150, perSecond: 1)
  static let openings = Allowance(burst: 200, perSecond: 20)
  /// Beside these there are ``updatesPerWindow`` for each ``bytesPerUpdates`` that the server sends.
  static let windowUpdates = Allowance(burst: 500, perSecond: 50)
  static let updatesPerWindow = 2
  static let bytesPerUpdates = 4096
  /// The bytes of a header block, compressed; the library applies the same number to the decompressed one.
  static let headerBlockBytes = 16 * 1024
  /// The CONTINUATION frames of a header block.
  static let continuations = 4
  /// DATA frames without content, from the head of a request to its end.
  static let emptyData = 1
  /// The largest frame, which SETTINGS_MAX_FRAME_SIZE tells.
  static let frameBytes = 16 * 1024
  /// The streams that a client may open before it knows the server's limit (RFC 9113, section 6.5.2, recommends no smaller one).
  static let streamsBeforeSettings = 100
}

/// Judges the frames of one connection. A value without a timer: each frame comes with its time.
struct FrameWatch {
  private(set) var streams: StreamTable
  private var resets = FrameLimits.resets
  private var pings = FrameLimits.pings
  private var settings = FrameLimits.settings
  private var answers = FrameLimits.answers
  private var priorities = FrameLimits.priorities
  private var extensions = FrameLimits.extensions
  private var streamErrors = FrameLimits.streamErrors
  private var openings = FrameLimits.openings
  private var windowUpdates = FrameLimits.windowUpdates
  /// The SETTINGS and PING frames that the client has not answered.
  private var unanswered = 0
  private var headerBytes = 0
  private var continuations = 0
  private var emptyData = 0
  private let answersEarn: Bool

  /// - Parameters:
  ///   - streams: how many streams may be open at a time.
  ///   - answersEarn: whether an answered request gives back what its beginning took.
  init(streams: Int, answersEarn: Bool = false) {
    self.streams = StreamTable(limit: streams)
    self.answersEarn = answersEarn
  }

  /// The client has sent the head of a frame.
  ///
  /// - Returns: why the connection has to end; nil if it goes on.
  mutating func received(_ frame: FrameHead, at now: ContinuousClock.Instant) -> FrameRefusal? {
    switch frame.kind {
    case .data: return receivedData(frame)
    case .headers: return receivedHeaders(frame, at: now)
    case .continuation:
      continuations += 1
      headerBytes += frame.length
      if continuations > FrameLimits.continuations { return .continuations }
      return headerBytes > FrameLimits.headerBlockBytes ? .headerBlock : nil
    case .reset:
      streams.end(frame.stream)
      return resets.take(at: now) ? nil : .resets
    case .settings where frame.isAnswer:
      streams.settingsAnswered()
      return answered(at: now)
    case .settings: return settings.take(at: now) ? nil : .settings
    case .ping where frame.isAnswer: return answered(at: now)
    case .ping: return pings.take(at: now) ? nil : .pings
    case .windowUpdate: return windowUpdates.take(at: now) ? nil : .windowUpdates
    case .priority: return priorities.take(at: now) ? nil : .priorities
    default: return extensions.take(at: now) ? nil : .extensions
    }
  }

  /// The server has sent the head of a frame.
  ///
  /// - Returns: why the connection has to end; nil if it goes on.
  mutating func sent(_ frame: FrameHead, at now: ContinuousClock.Instant) -> FrameRefusal? {
    if frame.endsStream {
      if answersEarn, streams.hasRequest(on: frame.stream) { openings.earn(1) }
      streams.endServerSide(frame.stream)
    }
    switch frame.kind {
    case .data:
      windowUpdates.earn(Double(frame.length * FrameLimits.updatesPerWindow) / Double(FrameLimits.bytesPerUpdates))
    case .reset:
      streams.end(frame.stream)
      return streamErrors.take(at: now) ? nil : .streamErrors
    case .settings where !frame.isAnswer, .ping where !frame.isAnswer: unanswered += 1
    default: break
    }
    return nil
  }

  private mutating func receivedData(_ frame: FrameHead) -> FrameRefusal? {
    if frame.length > 0 { streams.contentReceived(frame.stream) }
    guard !frame.endsStream else {
      emptyData = 0
      streams.endClientSide(frame.stream)
      return nil
    }
    guard frame.length == 0 else { return nil }
    emptyData += 1
    return emptyData > FrameLimits.emptyData ? .emptyData : nil
  }

  private mutating func receivedHeaders(_ frame: FrameHead, at now: ContinuousClock.Instant) -> FrameRefusal? {
    (emptyData, continuations, headerBytes) = (0, 0, frame.length)
    if headerBytes > FrameLimits.headerBlockBytes { return .headerBlock }
    let isNew = streams.isNew(frame.stream)
    if isNew {
      guard openings.take(at: now) else { return .openings }
      guard streams.open(frame.stream) else { return .streams }
    }
    if frame.endsStream { streams.endClientSide(frame.stream) }
    return nil
  }

  private mutating func answered(at now: ContinuousClock.Instant) -> FrameRefusal? {
    guard unanswered == 0 else {
      unanswered -= 1
      return nil
    }
    return answers.take(at: now) ? nil : .answers
  }
}
