import ServiceLifecycle
import Synchronization

/// The services of the program that run, for the log line of an end that takes too long.
final class RunningServices: Sendable {
  private let names = Mutex<[String: Int]>([:])

  /// The names of those that run, sorted.
  var list: [String] { names.withLock { $0.keys.sorted() } }

  /// A service that is in the list while it runs.
  func follow(_ service: any Service) -> any Service {
    FollowedService(service: service, name: Self.words(String(describing: type(of: service))), running: self)
  }

  /// What the operator knows of services by other words than the code.
  private static let words = [
    "ServersTogether": "requests to the servers", "ClosingService": "writes to the stores",
    "RetentionService": "deletion of old spans", "ServiceManagerLink": "messages to the service manager",
    "CanaryService": "the canary", "AccessState": "tokens and access rights",
    "AddressResolver": "look-up of host names",
    "Reconciler": "configuration of proxies", "ProxySessions": "records of proxies",
    "ReceiverWatch": "questions to receivers of spans",
    "ReloadableCertificate": "certificates", "FollowingService": "the count of what the store holds",
  ]

  /// The name of a type in words: `StatusWriter` is "status writer".
  static func words(_ type: String) -> String {
    if let words = words[type] { return words }
    let name = type.prefix { $0 != "<" }
    return name.replacing(/([a-z0-9])([A-Z])/) { "\($0.1) \($0.2)" }
      .replacing(/([A-Z]+)([A-Z][a-z])/) { "\($0.1) \($0.2)" }
      .split(separator: " ").map { $0.allSatisfy { !$0.isLowercase } ? String($0) : $0.lowercased() }.joined(
        separator: " ")
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
