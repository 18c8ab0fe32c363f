#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An error of the operating system, by its number in `errno`.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The number, such as `ENOENT`.
  package let number: Int32

  /// Wraps a number of `errno`.
  package init(_ number: Int32) { self.number = number }

  /// The error of the last system call of this thread that failed.
  package static var last: SystemError { SystemError(errno) }

  /// The system's words, as they follow a colon: `no such file or directory`.
  package var description: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
