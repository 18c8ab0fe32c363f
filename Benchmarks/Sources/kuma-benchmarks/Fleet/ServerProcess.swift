import Foundation

/// The resources that a process of this machine uses.
struct ServerProcess {
  let id: Int32

  /// Processor time of all its threads so far, in seconds.
  var cpuSeconds: Double {
    var clock = clockid_t()
    var time = timespec()
    guard clock_getcpuclockid(id, &clock) == 0, clock_gettime(clock, &time) == 0 else { return .nan }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Its resident memory in bytes.
  var residentBytes: Double {
    guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
      let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Double($0) })
    else { return .nan }
    return kilobytes * 1024
  }

  /// Waits until the process has nothing left to do.
  func isQuiet() async throws {
    var last = cpuSeconds
    for _ in 0..<100 {
      try await Task.sleep(for: .milliseconds(500))
      let now = cpuSeconds
      if now - last < 0.005 { return }
      last = now
    }
    throw BenchmarkFailure(description: "process \(id) does not come to rest")
  }
}
