import Glibc
import ProcessSupervisor
import SystemErrors

/// The programs of one back end of iptables, for one family.
struct PacketFilter: Sendable {
  /// Where the kernel keeps the rules. Both can be in use at the same time.
  enum BackEnd: String, Sendable, CaseIterable {
    case nft
    case legacy
  }

  let backEnd: BackEnd
  let family: IPFamily
  /// The path of the program that changes single rules.
  let program: String
  /// The path of the program that prints rules.
  let save: String
  /// The path of the program that changes a table in one step.
  let restore: String

  /// Finds the programs, and makes sure that they and the kernel have what the rules need.
  static func find(_ backEnd: BackEnd, _ family: IPFamily) async throws(InstallationError) -> PacketFilter {
    let name = "\(family.program)-\(backEnd.rawValue)"
    if let filter = PacketFilter(name, backEnd, family) {
      try await filter.verify()
      return filter
    }
    // An older iptables has one back end, and names that do not say which.
    guard let filter = PacketFilter(family.program, backEnd, family) else {
      throw .missing("\(name), \(name)-save and \(name)-restore are not installed")
    }
    let version = await ProgramRun.run(filter.program, ["--version"]).output
    guard version.contains("nf_tables") == (backEnd == .nft) else { throw .missing("\(name) is not installed") }
    try await filter.verify()
    return filter
  }

  private init?(_ name: String, _ backEnd: BackEnd, _ family: IPFamily) {
    // A user's PATH often lacks the folders of the administrator's programs.
    let path = (getenv("PATH").map { String(cString: $0) } ?? "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    guard let program = ChildProcess.find(name, path: path),
      let save = ChildProcess.find("\(name)-save", path: path),
      let restore = ChildProcess.find("\(name)-restore", path: path)
    else { return nil }
    self.backEnd = backEnd
    self.family = family
    self.program = program
    self.save = save
    self.restore = restore
  }

  private func verify() async throws(InstallationError) {
    let table = await ProgramRun.run(save, ["-t", "nat"])
    guard table.isSuccess else {
      throw .failed("\(save) cannot read the table nat: \(table.errors)")
    }
    for match in ["owner", "tcp", "udp"] {
      let help = await ProgramRun.run(program, ["-m", match, "--help"])
      guard help.isSuccess else { throw .failed("\(program) lacks the match \(match): \(help.errors)") }
    }
  }

  /// Whether the kernel has this back end's tables at all. Asking a legacy program would create them.
  static func isInUse(_ backEnd: BackEnd, _ family: IPFamily) -> Bool {
    guard backEnd == .legacy else { return true }
    let path = family == .ipv4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names"
    guard case .success(let names) = FileAccess.read(path) else { return false }
    return String(decoding: names, as: UTF8.self).split(separator: "\n").contains("nat")
  }

  /// The rules of earlier installations.
  func installed() async throws(InstallationError) -> InstalledRules {
    let table = await ProgramRun.run(save, ["-t", "nat"])
    guard table.isSuccess else { throw .failed("\(save) cannot read the table nat: \(table.errors)") }
    return InstalledRules(saved: table.output)
  }

  /// The command line that applies a file of rules.
  func restoreArguments(_ file: String, wait: LockWait) -> [String] {
    var arguments = ["--noflush", file]
    // Only the legacy programs share a lock; the kernel itself orders the changes of the others.
    if backEnd == .legacy {
      if wait.interval > 0, wait.seconds > 0 { arguments.insert("--wait-interval=\(wait.interval)", at: 0) }
      if wait.seconds > 0 { arguments.insert("--wait=\(wait.seconds)", at: 0) }
    }
    return arguments
  }

  /// Changes the table in one step: all or nothing.
  ///
  /// - Parameter note: is told the command line.
  func apply(_ text: String, wait: LockWait, note: (String) -> Void = { _ in }) async throws(InstallationError) {
    let file: String
    do throws(SystemError) {
      file = try Self.write(text)
    } catch {
      throw .failed("the rules cannot be written to a temporary file: \(error); set TMPDIR to a folder that exists")
    }
    defer { unlink(file) }
    let arguments = restoreArguments(file, wait: wait)
    note("\(restore) \(arguments.joined(separator: " "))")
    let run = await ProgramRun.run(restore, arguments)
    guard run.isSuccess else { throw .failed("\(restore) failed: \(run.errors)") }
  }

  /// Removes the chains of the table nat, which a family's first rule brings, where nothing is in them. A legacy table
  /// stays as long as its namespace.
  func removeEmptyTable() async {
    guard backEnd == .nft, let rest = try? await installed(), rest.isEmpty, rest.isAlone else { return }
    for chain in ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"] {
      _ = await ProgramRun.run(program, ["-t", "nat", "-X", chain])
    }
  }

  private static func write(_ text: String) throws(SystemError) -> String {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(folder)/kumactl-rules-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw .last }
    defer { close(descriptor) }
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    guard FileAccess.write(text.utf8, to: descriptor) else {
      let error = SystemError.last
      unlink(path)
      throw error
    }
    return path
  }
}

/// How long a program waits for the lock that legacy programs share.
package struct LockWait: Sendable, Hashable {
  /// Seconds; 0 takes the program's default.
  package var seconds: UInt
  /// Microseconds between two attempts; 0 takes the program's default.
  package var interval: UInt

  package init(seconds: UInt = 5, interval: UInt = 0) {
    self.seconds = seconds
    self.interval = interval
  }
}
