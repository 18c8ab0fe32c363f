import CZlib

/// Inflates gzip (RFC 1952) or zlib (RFC 1950) that comes in parts. The output is handed on in chunks of at most 64 KiB, and the
/// caller can stop at each, so that a small input can exhaust neither memory nor time.
package struct Inflater: ~Copyable {
  private static let outputSize = 64 * 1024

  // In memory of its own: zlib remembers where it is.
  private let stream: UnsafeMutablePointer<z_stream>
  private let output: UnsafeMutableRawBufferPointer
  private let takesMembers: Bool
  private var isAtEnd = false
  private var consumed = 0

  /// Starts an input.
  ///
  /// - Parameter takesMembers: whether several gzip members may follow each other, as RFC 1952 allows.
  package init(takesMembers: Bool = false) throws(DeflateError) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 15 is the largest window; with 32 added, zlib tells gzip and zlib apart by their headers.
    guard inflateInit2_(stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
    self.stream = stream
    self.takesMembers = takesMembers
    output = .allocate(byteCount: Self.outputSize, alignment: 1)
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    output.deallocate()
  }

  /// Inflates the next part.
  ///
  /// - Parameter take: takes each chunk of output, with the number of bytes that have been read for all output so far. It returns
  ///   false to stop.
  package mutating func add(
    _ part: RawSpan, take: (_ chunk: UnsafeRawBufferPointer, _ consumed: Int) -> Bool
  ) throws(DeflateError) {
    try part.withUnsafeBytes { part throws(DeflateError) in
      var rest = part[...]
      while !rest.isEmpty {
        try startNextMember()
        // zlib counts in 32 bits.
        let input = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
        rest = rest.dropFirst(try inflateMember(input, take))
      }
    }
  }

  /// Ends the input.
  package func finish() throws(DeflateError) {
    guard isAtEnd else { throw .truncated }
  }

  private mutating func startNextMember() throws(DeflateError) {
    guard isAtEnd else { return }
    guard takesMembers else { throw .trailingBytes }
    guard inflateReset(stream) == Z_OK else { throw .damaged }
    isAtEnd = false
  }

  /// Inflates until the member ends or nothing more of the input is left, and tells how many bytes that took.
  private mutating func inflateMember(
    _ input: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer, Int) -> Bool
  ) throws(DeflateError) -> Int {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.assumingMemoryBound(to: UInt8.self).baseAddress)
    stream.pointee.avail_in = UInt32(input.count)
    var isFull = false
    repeat {
      stream.pointee.next_out = output.assumingMemoryBound(to: UInt8.self).baseAddress
      stream.pointee.avail_out = UInt32(output.count)
      let before = stream.pointee.avail_in
      let status = inflate(stream, Z_NO_FLUSH)
      consumed += Int(before - stream.pointee.avail_in)
      switch status {
      case Z_OK: break
      case Z_STREAM_END: isAtEnd = true
      // Nothing more can come out of what has come in.
      case Z_BUF_ERROR where stream.pointee.avail_in == 0: break
      case Z_MEM_ERROR: throw .outOfMemory
      default: throw .damaged
      }
      let chunk = UnsafeRawBufferPointer(rebasing: output.dropLast(Int(stream.pointee.avail_out)))
      guard chunk.isEmpty || take(chunk, consumed) else { throw .stopped }
      isFull = stream.pointee.avail_out == 0
    } while !isAtEnd && (isFull || stream.pointee.avail_in > 0)
    return input.count - Int(stream.pointee.avail_in)
  }
}
