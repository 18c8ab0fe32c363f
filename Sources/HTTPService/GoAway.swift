package import NIOCore

/// The frame with which a server ends a connection of HTTP/2 and says why (RFC 9113, section 6.8).
package enum GoAway {
  /// The number of the frame's type.
  package static let type: UInt8 = 7
  /// ENHANCE_YOUR_CALM: the client is too great a load (RFC 9113, section 7).
  package static let enhanceYourCalm: UInt32 = 0xB
  /// INADEQUATE_SECURITY: the client has to use TLS (RFC 9113, section 7).
  static let inadequateSecurity: UInt32 = 0xC

  /// The bytes of the frame.
  ///
  /// - Parameters:
  ///   - code: the error code; 0 for no error.
  ///   - stream: the last stream that may have been processed.
  ///   - sentence: the debug data.
  package static func frame(_ code: UInt32, lastStream stream: UInt32, _ sentence: String) -> ByteBuffer {
    var frame = ByteBuffer()
    let length = UInt32(8 + sentence.utf8.count)
    frame.writeMultipleIntegers(UInt8(length >> 16), UInt16(truncatingIfNeeded: length))
    frame.writeMultipleIntegers(type, UInt8(0), UInt32(0), stream, code)
    frame.writeString(sentence)
    return frame
  }

  /// All that a server sends on a connection that it refuses: settings, which have to come first (RFC 9113, section 3.4), and the frame.
  static func only(_ code: UInt32, _ sentence: String) -> ByteBuffer {
    var bytes = ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0])
    bytes.writeImmutableBuffer(frame(code, lastStream: 0, sentence))
    return bytes
  }
}
