import Logging
import MeshClient
import MeshModel
import ProcessSupervisor
import Systemd

/// One proxy from its settings to the end of its Envoy: start reading here.
///
/// ```
/// LaunchConfiguration ─▶ EnvoyLocation ─▶ EnvoyVersion ─▶ BootstrapFetcher ─▶ WorkDirectory ─▶ EnvoyProcess
///                                                                                                  ▲
///                                                       TerminationSignals ─▶ RunStateMachine ─────┘
/// ```
///
/// The control plane registers the Dataplane, which the bootstrap carries, when Envoy's stream opens, and removes it when
/// the stream is gone; there is nothing to do about it here, nor when the control plane restarts.
struct ProxyRun: Sendable {
  let configuration: LaunchConfiguration
  /// Where programs and temporary directories are found.
  let environment: [String: String]
  /// Is told that the proxy serves, is well, and ends.
  var manager = ServiceManager(environment: [:])
  let logger: Logger

  private enum Event: Sendable {
    case signal(ProcessSignal)
    case prepared(Result<Preparation, LaunchFailure>)
    case ended(ExitStatus)
  }

  /// What is needed to start Envoy.
  private struct Preparation: Sendable {
    var executable: String
    var envoyVersion: String
    var bootstrapFile: String
    /// The port of the administration interface, held until the run is over.
    var adminPort: LoopbackPort?
  }

  /// Runs the proxy until Envoy ends without an error.
  ///
  /// - Parameter signals: what this process is asked.
  /// - Throws: ``LaunchFailure`` when there is no Envoy, or it ended with an error, or it was ended otherwise than asked.
  func callAsFunction(
    signals: some AsyncSequence<ProcessSignal, Never> & Sendable
  ) async throws(LaunchFailure) {
    let directory = try WorkDirectory(configuration.configDirectory, temporaryParent: environment["TMPDIR"])
    defer { directory.remove() }
    let result = await withTaskGroup(of: Void.self, returning: Result<Void, LaunchFailure>.self) { group in
      let (events, continuation) = AsyncStream<Event>.makeStream()
      group.addTask {
        for await signal in signals { continuation.yield(.signal(signal)) }
      }
      group.addTask {
        do throws(LaunchFailure) {
          continuation.yield(.prepared(.success(try await prepare(directory))))
        } catch {
          continuation.yield(.prepared(.failure(error)))
        }
      }
      defer { group.cancelAll() }
      do throws(LaunchFailure) {
        return .success(try await follow(events, continuation) { stop in group.addTask { await stop() } })
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// Takes the events one after the other until there is no Envoy any more.
  ///
  /// - Parameter start: starts concurrent work.
  private func follow(
    _ events: AsyncStream<Event>, _ continuation: AsyncStream<Event>.Continuation,
    start: (@escaping @Sendable () async -> Void) -> Void
  ) async throws(LaunchFailure) {
    var machine = RunStateMachine()
    var envoy: EnvoyProcess?
    var adminPort: LoopbackPort?
    var supervision: ProxySupervision?
    // The kubelet announces the end to sidecars that end after the application only.
    var isAnnounced = false
    for await event in events {
      switch event {
      case .prepared(let result):
        let preparation = try result.get()
        adminPort = preparation.adminPort
        envoy = try EnvoyProcess.start(
          preparation.executable, bootstrapFile: preparation.bootstrapFile, configuration
        ) { continuation.yield(.ended($0)) }
        machine.started()
        let interface = adminPort.map { "its administration interface is http://127.0.0.1:\($0.number)" }
        logger.info("Envoy runs; \(interface ?? "it has no administration interface")")
        let made = ProxySupervision(manager, adminPort: adminPort?.number, logger: logger)
        supervision = made
        start { await made.follow() }
        if let reporter = reporter(adminPort, envoyVersion: preparation.envoyVersion) { start { await reporter() } }
      case .signal(let signal):
        logger.debug("got signal \(signal)")
        switch machine.received(signal) {
        case .none: break
        case .giveUp(let exitCode):
          throw LaunchFailure(.interrupted, "stopped before Envoy was started", exitCode: exitCode)
        case .announceEnd:
          isAnnounced = true
          let drain = self.drain(adminPort, isLast: true)
          start { await drain.announce() }
        case .endGracefully:
          guard let envoy else { break }
          supervision?.end()
          let drain = self.drain(adminPort, isLast: isAnnounced)
          start {
            await drain()
            await envoy.child.terminate(grace: EnvoyProcess.grace)
          }
        case .kill:
          logger.warning("ending Envoy at once")
          envoy?.child.signal(.kill)
        case .pass(let signal): envoy?.child.signal(signal)
        }
      case .ended(let status):
        let code = machine.exitCode(status)
        guard code != 0 else { return logger.info("Envoy has ended") }
        let reason = (machine.isEnding ? "" : envoy?.reason ?? "").printable(atMost: 2_000)
        throw LaunchFailure(
          .envoyEnded, "Envoy \(status)\(reason.isEmpty ? "" : ": \(reason)")", exitCode: code)
      }
    }
    // Only a cancelled task reaches this: no Envoy is expected any more.
    if let envoy { _ = await envoy.child.end(within: .zero) }
    throw LaunchFailure(.interrupted, "the run was given up")
  }

  /// Tells the control plane what Envoy counts; `nil` if it is not to be told, or cannot be.
  private func reporter(_ adminPort: LoopbackPort?, envoyVersion: String) -> EvidenceReporter? {
    guard configuration.tellsEvidence else { return nil }
    guard let adminPort else {
      logger.info("the control plane is not told what Envoy counts: it has no administration interface")
      return nil
    }
    return EvidenceReporter(configuration, adminPort: adminPort.number, envoyVersion: envoyVersion, logger: logger)
  }

  private func drain(_ adminPort: LoopbackPort?, isLast: Bool) -> EnvoyDrain {
    let time = configuration.drainTime
    return EnvoyDrain(
      adminPort: adminPort?.number,
      time: configuration.isInPod ? DrainTime(inPod: time, isLast: isLast) : DrainTime(time), logger: logger)
  }

  /// Everything up to the start of Envoy.
  private func prepare(_ directory: WorkDirectory) async throws(LaunchFailure) -> Preparation {
    for notice in configuration.definition?.notices ?? [] { logger.warning("\(notice)") }
    let executable = try EnvoyLocation.find(
      named: configuration.binary, environment: environment, program: EnvoyLocation.thisProgram)
    let version = try await EnvoyVersion.read(from: executable)
    logger.info("kuma-dp \(ProductVersion.current) with Envoy \(version.number), \(executable)")
    if !version.isTested {
      logger.warning("Envoy \(version.number) is not the version that is tested, \(EnvoyVersion.tested)")
    }
    if configuration.controlPlane.isSecure, configuration.caCertificate == nil {
      let token = configuration.token == nil ? "" : ", and gets the token whoever it is"
      logger.warning("the control plane is not verified\(token): name its certificate authority with --ca-cert-file")
    }
    if let token = configuration.token, let file = token.file, !token.isAlone {
      let text =
        "\(file) holds blanks or line ends beside the token, so that Envoy cannot read it again; write the token alone, and "
        + "it can be renewed without a restart"
      logger.warning("\(text)")
    }
    let (bootstrap, adminPort) = try await fetchBootstrap(version)
    let file = try directory.write(bootstrap.text, to: "bootstrap.yaml")
    logger.debug("Envoy's configuration is in \(file)")
    return Preparation(
      executable: executable, envoyVersion: version.number, bootstrapFile: file, adminPort: adminPort)
  }

  /// Fetches the bootstrap; once more when the control plane chose a port for the administration interface that is taken.
  private func fetchBootstrap(_ version: EnvoyVersion) async throws(LaunchFailure)
    -> (bootstrap: Bootstrap, adminPort: LoopbackPort?)
  {
    let fetcher = BootstrapFetcher(configuration, logger: logger)
    logger.info(
      "asking \(configuration.controlPlane) for the bootstrap of \(configuration.mesh)/\(configuration.name)")
    let wanted = configuration.adminPort
    let bootstrap = try await fetcher.fetch(configuration.bootstrapRequest(envoy: version, adminPort: wanted))
    guard let chosen = bootstrap.adminPort else { return (bootstrap, nil) }
    if let port = LoopbackPort(chosen) { return (bootstrap, port) }
    if wanted == nil, configuration.definition?.adminPort == nil, let free = LoopbackPort.any() {
      logger.info("port \(chosen) is taken; Envoy's administration interface gets port \(free.number)")
      let other = try await fetcher.fetch(configuration.bootstrapRequest(envoy: version, adminPort: free.number))
      if other.adminPort == free.number { return (other, free) }
    }
    throw LaunchFailure(
      .portTaken,
      "port \(chosen) of 127.0.0.1, for Envoy's administration interface, is in use by another program; give another "
        + "in --admin-port or in the Dataplane's networking.admin.port, or --admin-port 0 for no interface")
  }
}
