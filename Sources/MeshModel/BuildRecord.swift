#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// When the running program was built, and from what, as far as that can be told from outside.
public enum BuildRecord {
  /// The commit, which a build of the package is not told.
  public static let commit = "unknown"

  /// The time at which the program's file was last written.
  public static var date: String {
    var status = stat()
    guard stat("/proc/self/exe", &status) == 0 else { return "unknown" }
    var time = status.st_mtim.tv_sec
    var parts = tm()
    guard gmtime_r(&time, &parts) != nil else { return "unknown" }
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
