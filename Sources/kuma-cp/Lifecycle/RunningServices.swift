import ServiceLifecycle
import Synchronization

/// The services of the program that run, for the log line of an end that takes too long.
final class RunningServices: Sendable {
  private let names = Mutex<[String: Int]>([:])

  /// The names of those that run, sorted.
  var list: [String] { names.withLock { $0.keys.sorted() } }

  /// A service that is in the list while it runs.
  func follow(_ service: any Service) -> any Service {
    FollowedService(service: service, name: String(describing: type(of: service)), running: self)
  }

  fileprivate func change(_ name: String, by count: Int) {
    names.withLock { names in
      let left = (names[name] ?? 0) + count
      names[name] = left > 0 ? left : nil
    }
  }
}

private struct FollowedService: Service {
  let service: any Service
  let name: String
  let running: RunningServices

  func run() async throws {
    running.change(name, by: 1)
    defer { running.change(name, by: -1) }
    try await service.run()
  }
}

/// Services that start together and end together: what the servers have in hand is answered at the same time, not by one server after
/// the other.
struct ServersTogether: Service {
  let services: [any Service]

  func run() async throws {
    // One that fails ends the others. `waitForAll` of other groups waits for those that run on, and throws only then.
    try await withThrowingDiscardingTaskGroup { group in
      for service in services { group.addTask { try await service.run() } }
    }
  }
}
