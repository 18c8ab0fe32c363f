import HTTPService
import Logging
import ServiceLifecycle
import Systemd
import UnixSignals

extension Pipeline {
  /// Runs all services until a signal or a failure, or until the task is cancelled.
  ///
  /// - Parameters:
  ///   - signals: the signals that end the program in order.
  ///   - manager: is told that the program serves, is well, and ends.
  ///   - end: ends the program if it does not end in order.
  /// - Throws: the error of the first service that failed.
  func run(
    until signals: [UnixSignal] = [.sigterm, .sigint], manager: ServiceManager = ServiceManager(environment: [:]),
    orBy end: ForcedEnd? = nil
  ) async throws {
    let running = RunningServices()
    end?.describe { [openWork] in openWork() + running.list }
    let link = ServiceManagerLink(manager, supervision, inherited: ports.inherited, logger: logger)
    var configuration = ServiceGroupConfiguration(
      services: (services + [link]).map {
        ServiceGroupConfiguration.ServiceConfiguration(service: running.follow($0))
      },
      gracefulShutdownSignals: signals, logger: quietLogger)
    // What is open then is cancelled, and the stores still have time to close.
    configuration.maximumGracefulShutdownDuration = shutdownTimeout * 2 / 3
    try await ServiceGroup(configuration: configuration).run()
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
