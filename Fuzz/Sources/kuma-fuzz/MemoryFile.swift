import CFuzzing
import Glibc

/// A file in memory, since the disk would be what takes the time.
struct MemoryFile: Sendable {
  static let shared = MemoryFile()

  private let descriptor: Int32

  private init() {
    descriptor = kuma_fuzz_memory_file()
    guard descriptor >= 0 else { fatalError("there is no file in memory") }
  }

  /// The path of the file, whose content is replaced.
  func path(of bytes: [UInt8]) -> String {
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, bytes, bytes.count, 0) == bytes.count else {
      fatalError("the file cannot be written")
    }
    return "/proc/self/fd/\(descriptor)"
  }
}
