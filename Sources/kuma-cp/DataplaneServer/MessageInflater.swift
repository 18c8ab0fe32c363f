import CZlib
import NIOCore

/// Unpacks one message that comes in parts, gzip (RFC 1952) or zlib (RFC 1950), as the parts come.
///
/// What comes out is asked for beforehand, piece by piece, so that a small message cannot fill memory.
struct MessageInflater: ~Copyable {
  /// Why a message cannot be unpacked.
  enum Failure: Error, Equatable {
    /// It is no such message.
    case damaged
    /// It goes on after its end.
    case tooLong
    /// There is no memory for it, or whoever asked for it said so.
    case refused
  }

  /// Bytes that come out at a time.
  private static let pieceSize = 64 * 1024

  private let stream: UnsafeMutablePointer<z_stream>
  private(set) var isAtEnd = false

  /// Begins a message; `nil` if there is no memory for it.
  init?() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 is the largest window; 32 more means that gzip and zlib are told apart by their headers.
    guard inflateInit2_(stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      stream.deallocate()
      return nil
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Unpacks a part and adds what comes out.
  ///
  /// - Parameter admit: asked before so many bytes are added.
  mutating func add(
    _ part: ByteBuffer, to output: inout ByteBuffer, admit: (Int) -> Bool
  ) throws(Failure) {
    var part = part
    var piece = [UInt8](repeating: 0, count: Self.pieceSize)
    while part.readableBytes > 0 {
      guard !isAtEnd else { throw .tooLong }
      var status = Z_OK
      var produced = 0
      var isFull = false
      repeat {
        let consumed = part.withUnsafeMutableReadableBytes { input in
          piece.withUnsafeMutableBufferPointer { room in
            stream.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_in = UInt32(clamping: input.count)
            stream.pointee.next_out = room.baseAddress
            stream.pointee.avail_out = UInt32(clamping: room.count)
            status = inflate(stream, Z_NO_FLUSH)
            produced = room.count - Int(stream.pointee.avail_out)
            isFull = stream.pointee.avail_out == 0
            return input.count - Int(stream.pointee.avail_in)
          }
        }
        part.moveReaderIndex(forwardBy: consumed)
        switch status {
        case Z_OK: break
        case Z_STREAM_END: isAtEnd = true
        // Nothing more can come out of what has come in.
        case Z_BUF_ERROR where part.readableBytes == 0: break
        default: throw .damaged
        }
        guard produced == 0 || admit(produced) else { throw .refused }
        output.writeBytes(piece.prefix(produced))
      } while isFull && !isAtEnd
    }
  }
}
