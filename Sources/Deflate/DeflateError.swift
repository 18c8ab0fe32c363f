/// Why bytes cannot be compressed or decompressed.
package enum DeflateError: Error, Equatable {
  /// The bytes are not in gzip or zlib format, or were changed.
  case damaged
  /// The bytes end too early.
  case truncated
  /// Other bytes follow the end.
  case trailingBytes
  /// There is not enough memory.
  case outOfMemory
  /// The caller stopped it.
  case stopped
}
