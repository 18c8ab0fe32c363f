import Foundation

/// A program with arguments, started with its output thrown away.
struct ChildCommand {
  private let words: [String]

  init(_ program: String, _ arguments: [String] = []) { words = [program] + arguments }

  /// Runs it to its end, which must be a success.
  func run() throws -> Cost {
    let clock = ContinuousClock()
    let start = clock.now
    let child = try spawn()
    var status: Int32 = 0
    var usage = rusage()
    while wait4(child, &status, 0, &usage) < 0 {
      guard errno == EINTR else { throw failure("cannot be waited for: \(String(cString: strerror(errno)))") }
    }
    let wall = (clock.now - start) / .seconds(1)
    guard status == 0 else { throw failure("ended with the wait status \(status)") }
    return Cost(wall: wall, cpu: Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime))
  }

  private func spawn() throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, mode) in [(0, O_RDONLY), (1, O_WRONLY), (2, O_WRONLY)] {
      posix_spawn_file_actions_addopen(&actions, Int32(descriptor), "/dev/null", mode, 0)
    }
    var arguments = words.map { strdup($0) }
    defer { for argument in arguments { free(argument) } }
    arguments.append(nil)
    var child: pid_t = 0
    let code = posix_spawn(&child, words[0], &actions, nil, &arguments, environ)
    guard code == 0 else { throw failure("cannot be started: \(String(cString: strerror(code)))") }
    return child
  }

  private func failure(_ what: String) -> BenchmarkFailure {
    BenchmarkFailure(description: "\(words.joined(separator: " ")) \(what)")
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
