import Glibc
import ProcessSupervisor

/// Decides what a signal does in each phase of a run.
struct RunStateMachine: Sendable {
  private enum State {
    /// Envoy is not started yet.
    case preparing
    /// Envoy runs.
    case running
    /// Envoy was asked to end.
    case ending
    /// Envoy was killed, at a second request.
    case killed(ProcessSignal)
  }

  /// What is to be done.
  enum Action: Equatable {
    /// Nothing.
    case none
    /// End without having started Envoy.
    case giveUp(exitCode: Int32)
    /// Have Envoy tell its clients to go elsewhere; it goes on.
    case announceEnd
    /// Have Envoy finish what it does, then end.
    case endGracefully
    /// End Envoy at once.
    case kill
    /// Send the signal to Envoy.
    case pass(ProcessSignal)
  }

  private var state = State.preparing

  /// Whether Envoy ends on request.
  var isEnding: Bool {
    switch state {
    case .preparing, .running: false
    case .ending, .killed: true
    }
  }

  /// Envoy has been started.
  mutating func started() { state = .running }

  /// A signal came to this process.
  mutating func received(_ signal: ProcessSignal) -> Action {
    switch (state, signal) {
    // The kubelet tells a sidecar container so before its pod ends. The request to end follows. Source: Kuma 2.7.
    case (.running, .user2): return .announceEnd
    case (_, .user2): return .none
    case (.preparing, _): return .giveUp(exitCode: Self.exitCode(signal))
    // Envoy does not handle it, so the system ends it and keeps an image of its memory, which is what it is for.
    case (.running, .quit), (.ending, .quit): return .pass(signal)
    case (.running, _):
      state = .ending
      return .endGracefully
    case (.ending, _):
      state = .killed(signal)
      return .kill
    case (.killed, _): return .none
    }
  }

  /// The exit code of this process when Envoy has ended.
  func exitCode(_ status: ExitStatus) -> Int32 {
    switch (state, status) {
    case (.killed(let signal), _): Self.exitCode(signal)
    // An Envoy that has only just been started does not handle the request to end yet.
    case (.ending, .signalled(SIGTERM)): 0
    default: status.shellCode
    }
  }

  /// The code that a shell reports for a process that a signal ended.
  private static func exitCode(_ signal: ProcessSignal) -> Int32 { 128 &+ signal.rawValue }
}

extension ProcessSignal {
  /// The kubelet's hook before the end of a sidecar container sends it. Source: Kuma 2.7.
  static let user2 = ProcessSignal(rawValue: SIGUSR2)
}
