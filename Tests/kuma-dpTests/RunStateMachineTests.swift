import Glibc
import ProcessSupervisor
import Testing

@testable import kuma_dp

@Suite("Signals of a run")
struct RunStateMachineTests {
  private typealias ExitStatus = ProcessSupervisor.ExitStatus

  @Test("end it at once before Envoy is started", arguments: [ProcessSignal.interrupt, .terminate, .hangUp, .quit])
  func preparing(_ signal: ProcessSignal) {
    var machine = RunStateMachine()
    #expect(machine.received(signal) == .giveUp(exitCode: 128 + signal.rawValue))
  }

  @Test(
    "end Envoy gracefully first, and at once at the second time",
    arguments: [ProcessSignal.interrupt, .terminate, .hangUp])
  func running(_ signal: ProcessSignal) {
    var machine = RunStateMachine()
    machine.started()
    #expect(!machine.isEnding)
    #expect(machine.received(signal) == .endGracefully)
    #expect(machine.isEnding)
    // Envoy ends by itself: its code counts.
    #expect(machine.exitCode(.exited(0)) == 0)
    #expect(machine.exitCode(.signalled(SIGTERM)) == 0)
    #expect(machine.exitCode(.exited(3)) == 3)
    #expect(machine.exitCode(.signalled(SIGKILL)) == 137)
    #expect(machine.received(.interrupt) == .kill)
    #expect(machine.exitCode(.signalled(SIGKILL)) == 130)
    #expect(machine.received(.interrupt) == .none)
    #expect(machine.received(.quit) == .none)
  }

  @Test("are passed on when they ask for an image of the memory")
  func quit() {
    var machine = RunStateMachine()
    machine.started()
    #expect(machine.received(.quit) == .pass(.quit))
    #expect(!machine.isEnding)
    #expect(machine.exitCode(.signalled(SIGQUIT)) == 131)
    #expect(machine.exitCode(.signalled(SIGTERM)) == 143)
    #expect(machine.received(.terminate) == .endGracefully)
    #expect(machine.received(.quit) == .pass(.quit))
  }

  @Test("have Envoy tell its clients to go elsewhere while it runs; the end comes with the next one")
  func announced() {
    var machine = RunStateMachine()
    #expect(machine.received(.user2) == .none)
    machine.started()
    #expect(machine.received(.user2) == .announceEnd)
    #expect(!machine.isEnding)
    #expect(machine.received(.user2) == .announceEnd)
    #expect(machine.received(.terminate) == .endGracefully)
    #expect(machine.received(.user2) == .none)
    #expect(machine.isEnding)
  }

  @Test(
    "have nothing to do with an Envoy that ends by itself",
    arguments: [(ExitStatus.exited(3), Int32(3)), (.signalled(SIGSEGV), 139)])
  func byItself(status: ProcessSupervisor.ExitStatus, code: Int32) {
    var machine = RunStateMachine()
    machine.started()
    #expect(machine.exitCode(status) == code)
  }
}
