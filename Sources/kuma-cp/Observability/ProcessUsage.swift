import CProcess
import Glibc

/// The resource usage of this process.
enum ProcessUsage {
  /// Processor time in seconds.
  static var cpuSeconds: Double { process_cpu_seconds() }

  /// Resident memory in bytes.
  static var residentBytes: Int { residentPages() * pageSize }

  private static var pageSize: Int { sysconf(Int32(_SC_PAGESIZE)) }

  private static func residentPages() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 256)
    guard fgets(&buffer, Int32(buffer.count), file) != nil else { return 0 }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let fields = text.split(separator: " ")
    return fields.count > 1 ? Int(fields[1]) ?? 0 : 0
  }

  /// The number of open file descriptors.
  static var openFiles: Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return max(0, count - 3)
  }

  /// How many file descriptors may be open.
  static var openFileLimit: Int { max(0, process_descriptor_limit()) }
}
