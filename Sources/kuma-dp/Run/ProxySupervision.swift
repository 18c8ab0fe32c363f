import Logging
import MeshClient
import Synchronization
import Systemd

/// Tells the service manager that a proxy serves, that it is well, and that it ends.
///
/// A proxy serves when its Envoy says so, and is well while tasks run here and Envoy's administration interface answers. Without that
/// interface it serves once Envoy has been started.
final class ProxySupervision: Sendable {
  private static let pause = Duration.milliseconds(100)
  private static let answerTime = Duration.seconds(2)

  private let manager: ServiceManager
  private let readiness: Readiness?
  private let logger: Logger
  private let watchdog = Mutex<Watchdog?>(nil)
  private let isEnding = Atomic(false)

  /// - Parameter adminPort: the port of the administration interface.
  init(_ manager: ServiceManager, adminPort: UInt16?, logger: Logger) {
    self.manager = manager
    self.logger = logger
    let address = adminPort.flatMap { try? ControlPlaneAddress("http://127.0.0.1:\($0)/ready") }
    readiness = address.map { Readiness(address: $0, requestTime: Self.answerTime, pause: Self.pause) }
  }

  /// Waits until Envoy serves, and tells it. From then on the watchdog gets signs of life.
  func follow() async {
    guard manager.listens else { return }
    note(manager.tell(status: "Envoy runs, and waits for its configuration"))
    if let readiness {
      // Whoever waits for this has a limit.
      while await readiness.wait(atMost: .seconds(3_600)) != nil, !Task.isCancelled {}
    }
    guard !Task.isCancelled, !isEnding.load(ordering: .relaxed) else { return }
    note(manager.tellReady(status: "Envoy serves"))
    guard let interval = manager.watchdogInterval else { return }
    var parts: [Watchdog.Part] = [.task("tasks") {}]
    if let readiness {
      parts.append(
        .task("Envoy's administration interface") {
          while await !readiness.isAnswered(), (try? await Task.sleep(for: Self.pause)) != nil {}
        })
    }
    let made = Watchdog(manager, interval: interval, parts: parts) { [logger] report in
      switch report {
      case .silent(let names):
        logger.error(
          "\(names.joined(separator: " and ")) does not answer; the service manager gets no sign of life until it does")
      case .well: logger.info("everything answers again")
      case .failed(let failure): logger.warning("\(failure)")
      }
    }
    watchdog.withLock { $0 = made }
    made.start()
    if isEnding.load(ordering: .relaxed) { made.processEnds() }
  }

  /// Tells that Envoy has been asked to end. Signs of life go on for as long as this object exists.
  func end() {
    isEnding.store(true, ordering: .relaxed)
    watchdog.withLock { $0 }?.processEnds()
    note(manager.tellStopping(status: "Envoy answers what has arrived, sends its spans, and ends"))
  }

  private func note(_ failure: String?) {
    if let failure { logger.warning("\(failure)") }
  }
}
