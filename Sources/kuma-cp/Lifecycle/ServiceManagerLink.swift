import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Systemd

/// What of the program a service manager is told.
struct Supervision: Sendable {
  /// What the program waits for until it serves, in sentences; empty when it serves.
  var startsWaitingFor: @Sendable () async -> [String]
  /// A sentence about a program that serves.
  var status: @Sendable () async -> String
  /// The parts that have to answer while the program is well.
  var parts: [Watchdog.Part]

  /// The sentence about a program that serves so many proxies.
  static func status(proxies count: Int) -> String {
    "serves; \(count) \(count == 1 ? "proxy is" : "proxies are") connected"
  }

  /// The threads that all programs have: those of tasks, and those of connections.
  static var sharedThreads: [Watchdog.Part] {
    [.task("tasks") {}] + threads("connections", of: MultiThreadedEventLoopGroup.singleton)
  }

  /// The threads of a group.
  static func threads(_ name: String, of group: any EventLoopGroup) -> [Watchdog.Part] {
    group.makeIterator().enumerated().map { index, loop in
      Watchdog.Part("\(name), thread \(index + 1)") { answer in loop.execute(answer) }
    }
  }
}

/// Tells the service manager that the program serves, that it is well, and that it ends. Started last and ended first.
///
/// While the program ends, the signs of life go on for as long as this object exists: the end has a limit of its own.
final class ServiceManagerLink: Service {
  private static let pause = Duration.milliseconds(50)

  private let manager: ServiceManager
  private let supervision: Supervision
  private let inherited: InheritedSockets
  private let logger: Logger
  private let watchdog = Mutex<Watchdog?>(nil)

  init(_ manager: ServiceManager, _ supervision: Supervision, inherited: InheritedSockets, logger: Logger) {
    self.manager = manager
    self.supervision = supervision
    self.inherited = inherited
    self.logger = logger
  }

  func run() async throws {
    await cancelWhenGracefulShutdown { await self.tellReadiness() }
    if !Task.isCancelled, !Task.isShuttingDownGracefully { startWatchdog() }
    if manager.listens { await cancelWhenGracefulShutdown { await self.tellChanges() } }
    try? await gracefulShutdown()
    watchdog.withLock { $0 }?.processEnds()
    note(manager.tellStopping(status: "answers what has arrived, and ends"))
  }

  private func tellReadiness() async {
    var told: [String] = []
    while case let obstacles = await supervision.startsWaitingFor(), !obstacles.isEmpty {
      if obstacles != told {
        note(manager.tell(status: "starts: " + obstacles.joined(separator: "; ")))
        told = obstacles
      }
      guard (try? await Task.sleep(for: Self.pause)) != nil else { return }
    }
    for socket in inherited.unused {
      logger.warning("no server takes the service manager's socket \(socket): clients that connect to it wait in vain")
    }
    note(manager.tellReady(status: await supervision.status()))
  }

  /// Tells the status again whenever it has changed, about as often as the watchdog gets signs of life.
  private func tellChanges() async {
    let pause = min(manager.watchdogInterval.map { $0 / 2 } ?? .seconds(10), .seconds(10))
    var told = ""
    while (try? await Task.sleep(for: pause)) != nil {
      let status = await supervision.status()
      guard status != told else { continue }
      note(manager.tell(status: status))
      told = status
    }
  }

  private func startWatchdog() {
    guard manager.listens, let interval = manager.watchdogInterval else { return }
    let watchdog = Watchdog(manager, interval: interval, parts: supervision.parts) { [logger] report in
      switch report {
      case .silent(let names):
        logger.error(
          "parts of the program do not answer; the service manager gets no sign of life until they do",
          metadata: ["parts": "\(names.joined(separator: ", "))"])
      case .well: logger.info("all parts of the program answer again")
      case .failed(let failure): logger.warning("\(failure)")
      }
    }
    self.watchdog.withLock { $0 = watchdog }
    watchdog.start()
  }

  private func note(_ failure: String?) {
    if let failure { logger.warning("\(failure)") }
  }
}
