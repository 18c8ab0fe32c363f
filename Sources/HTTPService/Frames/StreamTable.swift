/// The open streams of one connection of HTTP/2, as their frames tell (RFC 9113, section 5.1).
///
/// A client that knows the limit may not exceed it. One that has not confirmed the server's SETTINGS does not know it: its streams
/// beyond the limit are refused one by one, so that it can try again.
struct StreamTable {
  private enum Side {
    case both
    case client
    case server
  }

  /// How many streams may be open at a time.
  let limit: Int
  /// The sides that have not ended each open stream.
  private var open: [UInt32: Side] = [:]
  private(set) var refused: Set<UInt32> = []
  /// The open streams on which content has come, and which the server has not ended.
  private var working: Set<UInt32> = []
  private(set) var last: UInt32 = 0
  private var knowsLimit = false

  init(limit: Int) { self.limit = limit }

  /// How many streams are open, those that are to be refused among them.
  var count: Int { open.count }

  /// Whether a stream has a request. One that only has a head costs a client too little to count.
  var hasRequest: Bool { !working.isEmpty }

  /// Whether content has come on a stream, which the server has not ended.
  func hasRequest(on stream: UInt32) -> Bool { working.contains(stream) }

  /// The client has sent content on a stream.
  mutating func contentReceived(_ stream: UInt32) {
    if let side = open[stream], side != .client { working.insert(stream) }
  }

  /// Whether a stream has not been opened before. Only clients open streams, with odd numbers.
  func isNew(_ stream: UInt32) -> Bool { stream > last && stream & 1 == 1 }

  /// The client opens a stream.
  ///
  /// - Returns: false if that ends the connection.
  mutating func open(_ stream: UInt32) -> Bool {
    last = stream
    guard open.count < (knowsLimit ? limit : FrameLimits.streamsBeforeSettings) else { return false }
    if open.count >= limit { refused.insert(stream) }
    open[stream] = .both
    return true
  }

  /// The client has confirmed the server's SETTINGS.
  mutating func settingsAnswered() { knowsLimit = true }

  /// The client sends no more on a stream.
  mutating func endClientSide(_ stream: UInt32) { end(stream, .client) }

  /// The server sends no more on a stream.
  mutating func endServerSide(_ stream: UInt32) {
    working.remove(stream)
    end(stream, .server)
  }

  private mutating func end(_ stream: UInt32, _ side: Side) {
    guard let open = open[stream] else { return }
    if open == .both {
      self.open[stream] = side == .client ? .server : .client
    } else if open == side {
      end(stream)
    }
  }

  /// A stream is reset.
  mutating func end(_ stream: UInt32) {
    open[stream] = nil
    refused.remove(stream)
    working.remove(stream)
  }
}
