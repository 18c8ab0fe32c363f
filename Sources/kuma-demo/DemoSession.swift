import Foundation
import Glibc
import ProcessSupervisor
import SystemErrors

/// One run of the demo, with the beginning and the end that every run has: whatever happens in between, nothing is left.
enum DemoSession {
  /// How the steps came to an end.
  private enum End: Sendable {
    case done
    case interrupted
    case failed(DemoFailure)
  }

  /// Runs the demo.
  ///
  /// - Returns: the exit code.
  static func run(_ options: DemoOptions) async -> Int32 {
    // A closed output ends the demo, but does not interrupt its shutdown.
    signal(SIGPIPE, SIG_IGN)
    let narrator = Narrator(descriptor: options.isHeadless ? STDERR_FILENO : STDOUT_FILENO)
    let signals: TerminationSignals
    let folder: DemoFolder
    do {
      signals = try TerminationSignals.install()
      folder = try DemoFolder()
    } catch {
      narrator.say("kuma-demo: \(error)")
      return 1
    }
    let fleet = Fleet(folder: folder)
    let demo: any Demo =
      options.isOnKubernetes
      ? ClusterRun(options: options, narrator: narrator, folder: folder, fleet: fleet)
      : DemoRun(options: options, narrator: narrator, folder: folder, fleet: fleet)
    let end = await perform(demo, until: signals) {
      // The second Ctrl-C: no waiting, but nothing stays either.
      fleet.kill()
      if !options.keepsFolder { folder.remove() }
      narrator.abandon()
      _exit(options.isHeadless ? 130 : 0)
    } after: { end in
      await conclude(end, of: demo)
    }
    if let failure = narrator.failure {
      let text = "Error: the output cannot be written: \(SystemError(failure))\n"
      _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
      return 1
    }
    return report(end, demo, options)
  }

  /// Runs the steps until they are done or a signal comes, then the end; both while further signals are heard.
  private static func perform(
    _ demo: any Demo, until signals: TerminationSignals, atOnce: @escaping @Sendable () -> Void,
    after: (End) async -> Void
  ) async -> End {
    let (stops, stop) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    return await withTaskGroup(of: Void.self) { listening in
      listening.addTask {
        var first: ContinuousClock.Instant?
        for await _ in signals {
          // One wish to end may come twice, from a program that passes it on and from the terminal.
          if let first, ContinuousClock.now - first > .milliseconds(500) { atOnce() }
          first = first ?? .now
          stop.yield()
        }
      }
      let end = await withTaskGroup(of: End?.self) { group in
        group.addTask { await steps(of: demo) }
        group.addTask {
          for await _ in stops { break }
          return nil
        }
        var end: End?
        // Whichever comes first ends the other.
        while let outcome = await group.next() {
          group.cancelAll()
          end = end ?? outcome
        }
        return end ?? .interrupted
      }
      await after(end)
      listening.cancelAll()
      return end
    }
  }

  private static func steps(of demo: any Demo) async -> End {
    do {
      try await demo.run()
      return .done
    } catch {
      if Task.isCancelled || error is CancellationError { return .interrupted }
      return .failed(error as? DemoFailure ?? DemoFailure("\(error)"))
    }
  }

  /// Says why the demo ends, and ends every program.
  private static func conclude(
    _ end: End, of demo: any Demo
  ) async {
    let (options, narrator, folder, fleet) = (demo.options, demo.narrator, demo.folder, demo.fleet)
    let hasStarted = !fleet.isEmpty
    var keepsFolder = options.keepsFolder
    if case .failed(let failure) = end {
      narrator.say("")
      narrator.detail("\(failure)", .bad)
      if let program = failure.program {
        narrator.say("", "    The last lines of \(folder.log(program)):")
        let lines = folder.lastLines(of: program)
        for line in lines.isEmpty ? ["(it is empty)"] : lines {
          narrator.say("    " + narrator.style.text(line, .quiet))
        }
      }
      keepsFolder = keepsFolder || hasStarted
    }
    narrator.say("")
    if hasStarted {
      do {
        try await narrator.step("ending everything", done: { "everything has ended" }) {
          await demo.end()
          await fleet.stop(grace: demo.grace)
        }
      } catch {
        // Ending programs throws nothing.
      }
    }
    if keepsFolder {
      narrator.detail("The logs are in \(folder.path)")
    } else {
      folder.remove()
    }
  }

  /// Writes the summary and finds the exit code.
  private static func report(_ end: End, _ demo: any Demo, _ options: DemoOptions) -> Int32 {
    guard options.isHeadless else {
      if case .failed = end { return 1 }
      return 0
    }
    var summary = demo.summary
    switch end {
    case .done: break
    case .interrupted: summary.failure = "interrupted"
    case .failed(let failure): summary.failure = "\(failure)"
    }
    summary.ok = summary.failure == nil && summary.isWhole
    print(summary.json)
    return summary.ok ? 0 : 1
  }
}
