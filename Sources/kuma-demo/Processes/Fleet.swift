import ProcessSupervisor
import Synchronization

/// The programs that run for the demo, each with a log. None of them is meant to end before the demo does.
final class Fleet: Sendable {
  private struct Member {
    var name: String
    var kind: Kind
    var process: ChildProcess
  }

  private let folder: DemoFolder
  private let environment: [String: String]
  private let members = Mutex<[Member]>([])

  /// Whether nothing was started that runs on.
  var isEmpty: Bool { members.withLock { $0.isEmpty } }

  init(folder: DemoFolder) {
    self.folder = folder
    // Settings of a control plane or proxy of the user's own are not for these.
    var environment = ChildProcess.currentEnvironment.filter { !$0.key.hasPrefix("KUMA_") }
    environment["TMPDIR"] = folder.temporary
    self.environment = environment
  }

  /// Starts a program; its output goes to its log.
  ///
  /// - Parameter settings: variables that it gets besides those of all programs.
  /// - Throws: ``DemoFailure``.
  func start(
    _ name: String, _ kind: Kind, _ program: String, _ arguments: [String], settings: [String: String] = [:]
  ) throws(DemoFailure) {
    let log = ChildProcess.Output.file(folder.log(name))
    do {
      let process = try ChildProcess.start(
        ChildProcess.Command(
          program, arguments, environment: environment.merging(settings) { $1 }, output: log, errors: log))
      members.withLock { $0.append(Member(name: name, kind: kind, process: process)) }
    } catch {
      throw DemoFailure("\(error)")
    }
  }

  /// Runs a program to its end.
  ///
  /// - Throws: ``DemoFailure`` when it cannot be started.
  func run(
    _ program: String, _ arguments: [String], limit: Duration = .seconds(30)
  ) async throws(DemoFailure) -> ProgramOutput {
    do {
      return try await ProgramOutput.of(
        ChildProcess.Command(program, arguments, environment: environment), limit: limit)
    } catch {
      throw DemoFailure("\(error)")
    }
  }

  /// Makes sure that everything still runs.
  ///
  /// - Throws: ``DemoFailure`` naming a program that has ended.
  func check() throws(DemoFailure) {
    let ended = members.withLock { members in
      members.lazy.compactMap { member in member.process.currentExitStatus.map { (member.name, $0) } }.first
    }
    if let (name, status) = ended { throw DemoFailure("\(name) \(status)", program: name) }
  }

  /// Ends the programs, those of one kind together: first the proxies, last the control plane, which sees them go.
  ///
  /// - Parameter grace: how long one kind may take before it is killed.
  func stop(grace: Duration) async {
    let members = members.withLock { members in
      defer { members = [] }
      return members
    }
    for kind in Kind.allCases {
      await withTaskGroup(of: Void.self) { group in
        for member in members where member.kind == kind {
          // Nobody needs what a cluster has in memory.
          group.addTask { _ = await member.process.terminate(grace: kind == .cluster ? .zero : grace) }
        }
      }
    }
  }

  /// Kills everything without waiting.
  func kill() {
    for member in members.withLock({ $0 }) { member.process.signal(.kill) }
  }

  /// What a program is for, in the order in which the kinds are ended.
  enum Kind: CaseIterable, Sendable {
    case proxy
    case service
    case controlPlane
    case cluster
  }
}
