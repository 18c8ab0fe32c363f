/// Why bytes cannot be compressed or decompressed.
package enum DeflateError: Error, Equatable {
  /// They are neither gzip nor zlib, or were changed.
  case damaged
  /// They end too early.
  case truncated
  /// Something follows their end.
  case trailingBytes
  /// There is no memory for it.
  case outOfMemory
  /// Whoever takes the output wants no more of it.
  case stopped
}
