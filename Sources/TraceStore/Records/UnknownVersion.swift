/// The error for a part of the file whose version this program does not know. A newer program wrote it, or the byte is damaged.
struct UnknownVersion: Error, Equatable, CustomStringConvertible {
  /// A part that has its own version.
  enum Part: String {
    case block = "a block"
    case record = "the record of a span"
    case segment = "a segment"
    case traceIndex = "a trace index"
    case chunk = "a chunk"
    case names = "a list of names"
    case calls = "a list of calls"
  }

  let part: Part
  let version: UInt8
  let known: ClosedRange<UInt8>

  var description: String {
    let versions =
      known.count == 1 ? "version \(known.lowerBound)" : "versions \(known.lowerBound) to \(known.upperBound)"
    return
      "\(part.rawValue) has version \(version), and this program knows \(versions); a newer program wrote it, or it is "
      + "damaged: start the newer program, or move the file away to start with an empty one"
  }
}

extension ByteReader {
  /// Reads the version at the beginning of a part. If there is no byte, the part is damaged and nothing is thrown.
  mutating func version(_ part: UnknownVersion.Part, known: ClosedRange<UInt8>) throws(UnknownVersion) -> UInt8 {
    let version = byte()
    guard !isDamaged, !known.contains(version) else { return version }
    throw UnknownVersion(part: part, version: version, known: known)
  }
}
