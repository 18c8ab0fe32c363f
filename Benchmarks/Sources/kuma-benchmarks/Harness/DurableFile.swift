import Foundation

/// The plainest way to keep something: append it to a file and wait for the disk.
struct DurableFile: ~Copyable {
  private let descriptor: Int32

  /// Makes a file.
  init(path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw BenchmarkFailure(description: "the file \(path) cannot be made: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// Appends bytes; they are on the disk when it returns.
  func append(_ bytes: [UInt8]) throws {
    guard write(descriptor, bytes, bytes.count) == bytes.count, fdatasync(descriptor) == 0 else {
      throw BenchmarkFailure(description: "a file cannot be written: \(String(cString: strerror(errno)))")
    }
  }
}
