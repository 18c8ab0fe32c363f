import Glibc
import SystemErrors

/// Why rules were not installed or removed.
package struct InstallationError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  package enum Code: Sendable, Hashable {
    /// This process may not change the network.
    case notPermitted
    /// A program is not installed.
    case missing
    /// A program does not understand a rule, and will not the next time.
    case invalid
    /// A program or the kernel refused.
    case failed
  }

  /// The kind of failure.
  package let code: Code
  /// What is wrong and what to do, in a sentence without a full stop.
  package let description: String

  static func missing(_ text: String) -> InstallationError {
    InstallationError(
      code: .missing, description: "\(text); install iptables, for example with `apt-get install iptables`")
  }

  /// A failure with the words of a program, and with what to do if they are known.
  static func failed(_ text: String) -> InstallationError {
    let isInvalid = text.contains("Bad value") || text.contains("Bad argument")
    return InstallationError(
      code: isInvalid ? .invalid : .failed, description: advice(text).map { "\(text); \($0)" } ?? text)
  }

  private static func advice(_ text: String) -> String? {
    if text.contains("holding the xtables lock") {
      return "another program holds the lock; allow more time with --wait"
    }
    if text.contains("lock file") {
      return "set XTABLES_LOCKFILE to a file that can be written, such as /tmp/xtables.lock"
    }
    if text.contains("ermission denied") || text.contains("peration not permitted") { return permissionAdvice }
    if text.contains("do you need to insmod") || text.contains("able does not exist")
      || text.contains("rotocol not supported")
    {
      return "the kernel lacks the module; load it on the machine, for example with `modprobe iptable_nat`"
    }
    return nil
  }

  private static let permissionAdvice =
    "run this as root, or give the init container the capabilities NET_ADMIN and NET_RAW "
    + "(securityContext.capabilities.add)"

  /// The error of a process that lacks the capability NET_ADMIN; `nil` if it has it.
  static var permission: InstallationError? {
    guard case .success(let status) = FileAccess.read("/proc/self/status") else { return nil }
    let lines = String(decoding: status, as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("CapEff:") }),
      let capabilities = UInt64(line.dropFirst(7).drop { $0.isWhitespace }, radix: 16)
    else { return nil }
    let netAdmin: UInt64 = 1 << 12
    guard capabilities & netAdmin == 0 else { return nil }
    return InstallationError(
      code: .notPermitted,
      description: "this process lacks the capability NET_ADMIN and cannot change the network; \(permissionAdvice)")
  }
}
