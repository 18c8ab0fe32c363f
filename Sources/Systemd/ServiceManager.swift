import Glibc

/// The service manager that has started this process and wants to hear from it, such as systemd with a unit of `Type=notify`.
///
/// Source of the protocol: sd_notify(3) and sd_watchdog_enabled(3).
package struct ServiceManager: Sendable {
  /// The shortest interval of a watchdog that is kept; a shorter one would cost more than it tells.
  package static let shortestInterval = Duration.milliseconds(200)

  /// The address of the socket: a path, or `@` and a name without a file.
  private let address: String?
  /// How long the service manager waits for a sign of life before it ends the process; `nil` if it does not.
  package let watchdogInterval: Duration?
  /// What is wrong in the environment, in sentences for the log.
  package let problems: [String]

  /// Reads what the service manager has put into the environment.
  ///
  /// - Parameters:
  ///   - environment: the variables.
  ///   - process: the number of this process.
  package init(environment: [String: String], process: Int32 = getpid()) {
    var problems: [String] = []
    address = Self.address(environment["NOTIFY_SOCKET"], &problems)
    watchdogInterval = Self.interval(environment, process, &problems)
    if watchdogInterval != nil, address == nil {
      problems.append("WATCHDOG_USEC is set and NOTIFY_SOCKET is not: the service manager gets no sign of life")
    }
    self.problems = problems
  }

  /// Whether there is a service manager that wants to hear from this process.
  package var listens: Bool { address != nil }

  private static func address(_ text: String?, _ problems: inout [String]) -> String? {
    guard let text, !text.isEmpty else { return nil }
    guard text.first == "/" || text.first == "@", text.utf8.count > 1 else {
      problems.append("NOTIFY_SOCKET is neither a path nor a name after @: the service manager is told nothing")
      return nil
    }
    guard text.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else {
      problems.append("NOTIFY_SOCKET is longer than the name of a socket can be: the service manager is told nothing")
      return nil
    }
    return text
  }

  private static func interval(
    _ environment: [String: String], _ process: Int32, _ problems: inout [String]
  ) -> Duration? {
    guard let text = environment["WATCHDOG_USEC"], !text.isEmpty else { return nil }
    if let owner = environment["WATCHDOG_PID"], !owner.isEmpty {
      guard let number = Int32(owner), number > 0 else {
        problems.append("WATCHDOG_PID is not the number of a process: the watchdog gets no sign of life")
        return nil
      }
      // The variables were meant for the parent of this process.
      guard number == process else { return nil }
    }
    guard let microseconds = Int64(text), microseconds > 0 else {
      problems.append(
        "WATCHDOG_USEC is not a number of microseconds between 1 and \(Int64.max): the watchdog gets no sign of life")
      return nil
    }
    let interval = Duration.microseconds(microseconds)
    if interval < shortestInterval {
      problems.append(
        "WATCHDOG_USEC is below \(shortestInterval): signs of life may come too late for it; give WatchdogSec more")
    }
    return max(interval, shortestInterval)
  }

  // MARK: What is told

  /// Tells that the process serves.
  ///
  /// - Parameter status: a sentence for `systemctl status`.
  /// - Returns: what failed; `nil` when it was told, or when there is nobody to tell.
  @discardableResult
  package func tellReady(status: String) -> String? { tell("READY=1\n\(Self.line(status))") }

  /// Tells how things are, in a sentence for `systemctl status`.
  @discardableResult
  package func tell(status: String) -> String? { tell(Self.line(status)) }

  /// Tells that the process has begun to end.
  @discardableResult
  package func tellStopping(status: String) -> String? { tell("STOPPING=1\n\(Self.line(status))") }

  /// Gives the watchdog a sign of life.
  @discardableResult
  package func tellAlive() -> String? { tell("WATCHDOG=1") }

  private static func line(_ status: String) -> String {
    "STATUS=" + String(status.prefix(400).map { $0.isNewline ? " " : $0 })
  }

  private func tell(_ message: String) -> String? {
    guard let address else { return nil }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return failure("socket") }
    defer { close(descriptor) }
    // A service manager that does not read must not hold up the process.
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(address.utf8)
    if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
    // The name of a socket without a file ends where the address ends, and a path with a zero.
    let length = MemoryLayout<sa_family_t>.size + bytes.count + (bytes[0] == 0 ? 0 : 1)
    let text = Array(message.utf8)
    let sent = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, text, text.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
      }
    }
    return sent == text.count ? nil : failure("sendto")
  }

  private func failure(_ call: String) -> String {
    let error = errno
    return
      "the service manager cannot be told at \(address ?? ""), NOTIFY_SOCKET: \(call): \(String(cString: strerror(error)))"
  }
}
