import HTTPService
import Logging
import ServiceLifecycle
import Systemd

extension Pipeline {
  /// Runs all services until the program is asked to end, until a failure, or until the task is cancelled.
  ///
  /// - Parameters:
  ///   - request: ends the services in order, also if it was made before.
  ///   - manager: is told that the program serves, is well, and ends.
  ///   - end: ends the program if it does not end in order.
  /// - Throws: the error of the first service that failed.
  func run(
    until request: EndRequest, manager: ServiceManager = ServiceManager(environment: [:]), orBy end: ForcedEnd? = nil
  ) async throws {
    let running = RunningServices()
    end?.describe { [openWork] in openWork() + running.list }
    let link = ServiceManagerLink(manager, supervision, inherited: ports.inherited, logger: logger)
    var configuration = ServiceGroupConfiguration(
      services: (services + [link]).map {
        ServiceGroupConfiguration.ServiceConfiguration(service: running.follow($0))
      }, logger: quietLogger)
    // What is open then is cancelled, and the stores still have time to close.
    configuration.maximumGracefulShutdownDuration = shutdownTimeout * 2 / 3
    let group = ServiceGroup(configuration: configuration)
    try await withThrowingDiscardingTaskGroup { tasks in
      // The group remembers a request that comes before it runs. Its own traps would miss signals that came before they were set.
      tasks.addTask { if await request.wait() { await group.triggerGracefulShutdown() } }
      defer { tasks.cancelAll() }
      try await group.run()
    }
    withExtendedLifetime(link) {}
    logger.info("stopped")
  }

  /// A logger without the service group's own messages, which do not help an operator.
  private var quietLogger: Logger {
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .critical)
    return quiet
  }
}
