import Foundation
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing

/// Not the one of the testing library.
private typealias ExitStatus = ProcessSupervisor.ExitStatus

/// Real processes, real signals.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct ChildProcessTests {
  private static func shell(_ script: String, output: ChildProcess.Output = .discard) -> ChildProcess.Command {
    ChildProcess.Command("/bin/sh", ["-c", script], output: output, errors: output)
  }

  fileprivate struct Ending: Sendable, CustomTestStringConvertible {
    var script: String
    var status: ExitStatus
    var words: String
    var shellCode: Int32
    var testDescription: String { script }
  }

  @Test(
    "the exit status is the one of the process",
    arguments: [
      Ending(script: "true", status: .exited(0), words: "ended without an error", shellCode: 0),
      Ending(script: "exit 3", status: .exited(3), words: "ended with exit code 3", shellCode: 3),
      Ending(script: "exit 255", status: .exited(255), words: "ended with exit code 255", shellCode: 255),
      Ending(
        script: "kill -TERM $$", status: .signalled(15), words: "was ended by signal 15 (SIGTERM)", shellCode: 143),
      Ending(script: "kill -KILL $$", status: .signalled(9), words: "was ended by signal 9 (SIGKILL)", shellCode: 137),
    ])
  fileprivate func exitStatus(_ ending: Ending) async throws {
    let child = try ChildProcess.start(Self.shell(ending.script))
    let status = await child.exitStatus()
    #expect(status == ending.status)
    #expect(status.description == ending.words)
    #expect(status.shellCode == ending.shellCode)
    #expect(child.currentExitStatus == status)
    // Asked again it is the same, and a signal to a process that is gone does nothing.
    child.signal(.kill)
    #expect(await child.exitStatus() == status)
  }

  struct Failure: Sendable, CustomTestStringConvertible {
    var command: ChildProcess.Command
    var code: SpawnError.Code
    var message: String
    var testDescription: String { message }
  }

  @Test(
    "what cannot be started is explained",
    arguments: [
      Failure(
        command: .init("/nowhere/envoy"), code: .noProgram, message: "there is no program at /nowhere/envoy"),
      Failure(
        command: .init("no-such-program-anywhere"), code: .noProgram,
        message: "there is no program no-such-program-anywhere in PATH"),
      Failure(
        command: .init("/etc/passwd"), code: .noProgram, message: "/etc/passwd cannot be run: permission denied"),
      Failure(
        command: .init("/bin/sh", directory: "/nowhere"), code: .noDirectory,
        message: "/bin/sh cannot be run in the directory /nowhere: no such file or directory"),
      Failure(
        command: .init("/bin/sh", output: .file("/nowhere/log")), code: .noFile,
        message: "/bin/sh cannot be started: /nowhere/log cannot be opened: no such file or directory"),
      Failure(
        command: .init("/bin/sh", ["-c", "a\0b"]), code: .failed,
        message: "/bin/sh cannot be started: an argument or variable holds a zero byte"),
    ])
  func failures(_ failure: Failure) throws {
    let error = #expect(throws: SpawnError.self) { try ChildProcess.start(failure.command) }
    #expect(error?.code == failure.code)
    #expect(error?.message == failure.message)
  }

  @Test("a script without its interpreter is not called missing")
  func missingInterpreter() throws {
    let directory = try TemporaryFolder()
    let script = directory.file("tool")
    try "#!/nowhere/python\n".write(toFile: script, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
    var error: SpawnError?
    repeat {
      error = #expect(throws: SpawnError.self) { try ChildProcess.start(.init(script)) }
      // A child of another test may hold the file open, as it was written, until it runs its own program.
    } while error?.message.hasSuffix("Text file busy") == true
    #expect(error?.message == "\(script) cannot be run: its interpreter or dynamic loader is missing")
  }

  @Test("all lines are there when the exit status is, the last without an end too")
  func lines() async throws {
    let lines = Mutex<[String]>([])
    let long = String(repeating: "x", count: 10_000)
    let script = """
      echo one; printf 'two\\r\\n\\nthree\\377\\n'
      i=0; while [ $i -lt 500 ]; do echo \(long); i=$((i+1)); done
      printf last
      """
    let child = try ChildProcess.start(
      Self.shell(script, output: .lines { line in lines.withLock { $0.append(line) } }))
    #expect(await child.exitStatus().isSuccess)
    let got = lines.withLock { $0 }
    #expect(Array(got.prefix(4)) == ["one", "two", "", "three\u{fffd}"])
    #expect(got.dropFirst(4).dropLast().allSatisfy { $0 == long })
    #expect(got.count == 505)
    #expect(got.last == "last")
  }

  @Test("a line without end is delivered in pieces")
  func endlessLine() async throws {
    let sizes = Mutex<[Int]>([])
    let child = try ChildProcess.start(
      Self.shell("head -c 300000 /dev/zero", output: .lines { line in sizes.withLock { $0.append(line.utf8.count) } }))
    #expect(await child.exitStatus().isSuccess)
    let got = sizes.withLock { $0 }
    #expect(got.reduce(0, +) == 300_000)
    #expect(got.count > 2)
  }

  @Test("arguments, environment, directory and file arrive as given")
  func surroundings() async throws {
    let directory = try TemporaryFolder()
    let log = directory.file("log")
    try "before\n".write(toFile: log, atomically: true, encoding: .utf8)
    let child = try ChildProcess.start(
      ChildProcess.Command(
        "sh", ["-c", #"pwd; echo "$WORD|$HOME|$1"; cat"#, "sh", "a 'b'"],
        environment: ["WORD": "x=y", "PATH": "/usr/bin:/bin"], directory: directory.path, output: .file(log)))
    #expect(await child.exitStatus().isSuccess)
    let text = try String(contentsOfFile: log, encoding: .utf8)
    #expect(text == "before\n\(directory.path)\nx=y||a 'b'\n")
  }

  @Test("a child leads its own group, with signals at their defaults and no descriptors but the first three")
  func cleanStart() async throws {
    let lines = Mutex<[String]>([])
    let open = fcntl(0, F_DUPFD, 100)
    defer { close(open) }
    let script = """
      ls /proc/self/fd | tr '\\n' ' '; echo
      cut -d' ' -f5 /proc/self/stat; echo $$
      cat /proc/self/status
      """
    let child = try ChildProcess.start(
      Self.shell(script, output: .lines { line in lines.withLock { $0.append(line) } }))
    #expect(await child.exitStatus().isSuccess)
    let got = lines.withLock { $0 }
    // The last descriptor is that of the listed directory.
    #expect(got.first == "0 1 2 3 ")
    #expect(got.count > 3 && got[1] == got[2] && got[2] == "\(child.pid)")
    for name in ["SigBlk", "SigIgn"] {
      let line = try #require(got.first { $0.hasPrefix("\(name):\t") })
      let mask = try #require(UInt64(line.dropFirst(name.count + 2), radix: 16))
      // Above stand the signals that the C library keeps to itself.
      #expect(mask & 0x7fff_ffff == 0, "\(line)")
    }
  }

  @Test("a process that ends when asked is not killed")
  func gracefulEnd() async throws {
    let isReady = Mutex(false)
    let child = try ChildProcess.start(
      Self.shell(
        "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done",
        output: .lines { _ in isReady.withLock { $0 = true } }))
    try await eventually { isReady.withLock { $0 } }
    #expect(await child.terminate(grace: .seconds(30)) == .exited(7))
  }

  @Test("a process that ignores the request is killed, with its group")
  func killed() async throws {
    let pids = Mutex<[Int32]>([])
    let child = try ChildProcess.start(
      Self.shell(
        "trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000",
        output: .lines { line in pids.withLock { $0 += [Int32(line)].compactMap(\.self) } }))
    try await eventually { !pids.withLock { $0.isEmpty } }
    #expect(await child.terminate(grace: .milliseconds(50)) == .signalled(SIGKILL))
    for pid in pids.withLock({ $0 }) { try await eventually { !isAlive(pid) } }
  }

  @Test("what a process leaves in its group ends with it, and does not hold up its output")
  func leftovers() async throws {
    let pids = Mutex<[Int32]>([])
    let child = try ChildProcess.start(
      Self.shell(
        "sleep 1000 & echo $!", output: .lines { line in pids.withLock { $0 += [Int32(line)].compactMap(\.self) } }))
    #expect(await child.exitStatus().isSuccess)
    let pid = try #require(pids.withLock { $0.first })
    try await eventually { !isAlive(pid) }
  }

  @Test("the function for the exit is called once, before anybody who waits goes on")
  func onExit() async throws {
    let seen = Mutex<[ExitStatus]>([])
    let child = try ChildProcess.start(Self.shell("exit 4")) { status in seen.withLock { $0.append(status) } }
    _ = await child.exitStatus()
    #expect(seen.withLock { $0 } == [.exited(4)])
  }

  @Test("neither descriptors nor zombies nor threads stay behind")
  func nothingLeft() async throws {
    // In a process of its own: other tests open descriptors at the same time.
    await #expect(processExitsWith: .success) {
      func descriptors() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
      // The first round opens whatever is opened once.
      _ = await (try ChildProcess.start(Self.shell("echo a", output: .lines { _ in }))).exitStatus()
      let before = try descriptors()
      try await withThrowingTaskGroup(of: ExitStatus.self) { group in
        for round in 0..<40 {
          group.addTask {
            switch round % 3 {
            case 0:
              await (try ChildProcess.start(Self.shell("echo a; echo b >&2", output: .lines { _ in }))).exitStatus()
            case 1: await (try ChildProcess.start(Self.shell("exit 1"))).exitStatus()
            default:
              (try? ChildProcess.start(.init("/nowhere", output: .lines { _ in }))) == nil ? .exited(0) : .exited(9)
            }
          }
        }
        for try await status in group { #expect(status != .exited(9)) }
      }
      try await eventually { try descriptors() <= before }
      try await eventually { try children(inState: "Z").isEmpty }
    }
  }

  @Test("SIGKILL to the parent takes the child along")
  func parentKilled() async throws {
    let directory = try TemporaryFolder()
    let path = directory.file("pid")
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      // From a thread that ends before the process does: the child must not depend on it.
      let child = try await Task.detached { try ChildProcess.start(.init("/bin/sleep", ["1000"])) }.value
      try "\(child.pid)".write(toFile: path, atomically: true, encoding: .utf8)
      kill(getpid(), SIGKILL)
      _ = await child.exitStatus()
    }
    let pid = try #require(Int32(try String(contentsOfFile: path, encoding: .utf8)))
    try await eventually { !isAlive(pid) }
  }

  @Test("signals that ask for the end arrive instead of ending the process")
  func terminationSignals() async throws {
    await #expect(processExitsWith: .exitCode(5)) {
      let signals = try TerminationSignals.install()
      kill(getpid(), SIGTERM)
      for await signal in signals { exit(signal == .terminate ? 5 : 6) }
    }
  }
}

/// Whether a process runs; a zombie does not.
private func isAlive(_ pid: Int32) -> Bool {
  guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
  return text.split(separator: ")").last?.dropFirst().first != "Z"
}

/// The children of this process that are in a state.
private func children(inState state: Character) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
    guard let text = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
      let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 1
    else { return false }
    return fields[0].first == state && Int32(fields[1]) == getpid()
  }
}
