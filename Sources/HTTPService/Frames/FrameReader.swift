/// The head of a frame of HTTP/2 (RFC 9113, section 4.1).
struct FrameHead: Hashable {
  /// A type of frames by its number (RFC 9113, section 6). Numbers without a name are extensions, which a server ignores.
  struct Kind: RawRepresentable, Hashable {
    var rawValue: UInt8
    static let data = Kind(rawValue: 0)
    static let headers = Kind(rawValue: 1)
    static let priority = Kind(rawValue: 2)
    static let reset = Kind(rawValue: 3)
    static let settings = Kind(rawValue: 4)
    static let ping = Kind(rawValue: 6)
    static let goAway = Kind(rawValue: 7)
    static let windowUpdate = Kind(rawValue: 8)
    static let continuation = Kind(rawValue: 9)
  }

  /// The bytes of a head.
  static let size = 9

  /// The bytes of the payload.
  var length: Int
  var kind: Kind
  var flags: UInt8
  /// The stream; 0 for the connection.
  var stream: UInt32

  /// The frame answers one of the peer's (SETTINGS and PING).
  var isAnswer: Bool { flags & 0x1 != 0 }
  /// The frame is the last of its stream in its direction (DATA and HEADERS).
  var endsStream: Bool { (kind == .data || kind == .headers) && flags & 0x1 != 0 }
  /// The frame ends a header block (HEADERS and CONTINUATION).
  var endsHeaders: Bool { flags & 0x4 != 0 }
}

/// Finds the heads of frames in one direction of a connection, in reads of any size. It keeps no payload.
struct FrameReader {
  /// What every client sends before its first frame (RFC 9113, section 3.4).
  static let prefaceSize = 24

  /// The bytes of the preface or of a payload that are still to come.
  private var skipped: Int
  /// The first five and the last four bytes of an incomplete head, and how many of them there are.
  private var first: UInt64 = 0
  private var last: UInt32 = 0
  private var count = 0

  /// - Parameter preface: the bytes before the first frame.
  init(preface: Int) { skipped = preface }

  /// Whether the next byte begins a frame.
  var isBetweenFrames: Bool { skipped == 0 && count == 0 }

  /// The next head that is complete within the bytes; nil if more bytes are needed.
  ///
  /// - Parameter offset: where to go on; at the end of the bytes when the result is nil.
  mutating func next(_ bytes: UnsafeRawBufferPointer, from offset: inout Int) -> FrameHead? {
    let jump = min(skipped, bytes.count - offset)
    skipped -= jump
    offset += jump
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      if count < 5 { first = first << 8 | UInt64(byte) } else { last = last << 8 | UInt32(byte) }
      count += 1
      guard count == FrameHead.size else { continue }
      let head = FrameHead(
        length: Int(first >> 16), kind: .init(rawValue: UInt8(truncatingIfNeeded: first >> 8)),
        flags: UInt8(truncatingIfNeeded: first), stream: last & 0x7FFF_FFFF)
      (first, last, count, skipped) = (0, 0, 0, head.length)
      return head
    }
    return nil
  }
}
