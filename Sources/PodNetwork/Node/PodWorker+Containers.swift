import Documents
import Glibc
import KubernetesAPI
import Logging
import ProcessSupervisor

/// Starts, watches and ends the containers of a pod.
extension PodWorker {
  /// Starts a container and performs its hook. While something is missing that it refers to, the pod waits for it.
  ///
  /// - Returns: the process, which may have ended already; `nil` when the pod is to end.
  func launch(_ container: DocumentValue) async -> ChildProcess? {
    let name = container["name"]?.string ?? ""
    while !isStopping, !Task.isCancelled {
      do throws(PodNetworkError) {
        let process = try await start(container, name)
        await performStartHook(container, process)
        return process
      } catch {
        let isMissing = node.settings.images[ContainerImage.shortName(container["image"]?.string ?? "")] == nil
        status[name]?.state = .waiting(
          reason: isMissing ? "ErrImagePull" : "CreateContainerConfigError", message: error.message)
        changed()
        guard (try? await Task.sleep(for: .seconds(1))) != nil else { return nil }
      }
    }
    return nil
  }

  private func start(_ container: DocumentValue, _ name: String) async throws(PodNetworkError) -> ChildProcess {
    let reference = container["image"]?.string ?? ""
    guard let image = node.settings.images[ContainerImage.shortName(reference)] else {
      throw PodNetworkError(
        code: .badPod, message: "there is no program for the image \(reference.quoted) on this node")
    }
    let plan = try ContainerPlan(container, image: image, facts: try await facts(), runtime: node.settings.variables)
    // The pod may be about to end since.
    guard let sandbox, !isStopping else { throw PodNetworkError(code: .failed, message: "the pod is ending") }
    let ready = sandbox.file(ContainerScript.readyFile(name))
    unlink(ready)
    func isReady() -> Bool {
      var file = stat()
      return stat(ready, &file) == 0 && file.st_size > 0
    }
    let script = ContainerScript.text(
      plan, image: image, memory: PodSandbox.memory,
      files: [
        "/etc/hosts": PodFiles.inside("hosts"), "/etc/resolv.conf": PodFiles.inside("resolv.conf"),
      ])
    let process: ChildProcess
    do throws(SpawnError) {
      let note: @Sendable (String) -> Void = { [weak self] line in self?.note(line, of: name) }
      process = try ChildProcess.start(
        ChildProcess.Command(
          "unshare", ["--mount", "--propagation", "private", "--", "/bin/sh", "-e", "-c", script],
          environment: Script.environment, output: .lines(note), errors: .lines(note),
          namespaces: sandbox.namespaces))
    } catch { throw PodNetworkError(code: .failed, message: "\(error)") }
    processes[name] = process
    plans[name] = plan
    // Commands of hooks and probes need its mounts.
    while process.currentExitStatus == nil, !isReady() {
      guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { break }
    }
    // The status must not be read while it is changed.
    let isApplication = !isInitContainer(name)
    status[name]?.state = .running(since: .now.inWholeSeconds)
    status[name]?.isStarted = container["startupProbe"] == nil
    status[name]?.isReady =
      container["startupProbe"] == nil && container["readinessProbe"] == nil && isApplication
    changed()
    return process
  }

  private func isInitContainer(_ name: String) -> Bool { status.initContainers.contains { $0.name == name } }

  private func performStartHook(_ container: DocumentValue, _ process: ChildProcess) async {
    guard let hook = container["lifecycle"]?["postStart"] else { return }
    let name = container["name"]?.string ?? ""
    guard let failure = await perform(ProbePlan.action(hook, of: container), in: name, timeout: nil),
      process.currentExitStatus == nil
    else { return }
    node.logger.warning(
      "a hook has failed",
      metadata: ["pod": "\(namespace)/\(self.name)", "container": "\(name)", "error": "\(failure)"])
    process.signal(.kill)
  }

  /// Keeps a container running as its policy says, until it has ended for good.
  func supervise(_ container: DocumentValue, _ first: ChildProcess, policy: PodStatus.RestartPolicy) async {
    let name = container["name"]?.string ?? ""
    var process = first
    while true {
      let probes = Task { [process] in await probe(container, process) }
      let end = await process.exitStatus()
      probes.cancel()
      noteEnd(of: name, end)
      changed()
      guard !isStopping, policy.restarts(after: end), await waitForRestart(of: name),
        let next = await launch(container)
      else { return }
      process = next
    }
  }

  /// Notes that the process of a container has ended.
  func noteEnd(of name: String, _ end: ExitStatus) {
    processes[name] = nil
    let now = Timestamp.now.inWholeSeconds
    var since = now
    if case .running(let start) = status[name]?.state { since = start }
    status[name]?.state = .terminated(end, since: since, until: now)
    status[name]?.isReady = false
    status[name]?.isStarted = false
  }

  /// Waits until a container may be started again.
  func waitForRestart(of name: String) async -> Bool {
    guard let before = status[name] else { return false }
    if before.restarts > 0 {
      status[name]?.lastEnd = before.state
      status[name]?.state = .waiting(reason: "CrashLoopBackOff", message: "")
      changed()
      let delay = min(node.settings.restartDelay * (1 << min(before.restarts - 1, 10)), .seconds(30))
      guard (try? await Task.sleep(for: delay)) != nil else { return false }
    }
    guard !isStopping, !Task.isCancelled else { return false }
    status[name]?.lastEnd = before.state
    status[name]?.restarts += 1
    return true
  }

  // MARK: Probes

  /// Performs the probes of a container until it ends.
  private func probe(_ container: DocumentValue, _ process: ChildProcess) async {
    let name = container["name"]?.string ?? ""
    if let startup = ProbePlan(container["startupProbe"], of: container) {
      let isStarted = await ask(startup, of: name, before: false)
      guard !Task.isCancelled else { return }
      guard isStarted else { return await restart(name, process, "startup") }
      let isApplication = !isInitContainer(name)
      status[name]?.isStarted = true
      status[name]?.isReady = container["readinessProbe"] == nil && isApplication
      changed()
    }
    await withDiscardingTaskGroup { group in
      if let readiness = ProbePlan(container["readinessProbe"], of: container) {
        group.addTask { await self.follow(readiness, of: name) }
      }
      if let liveness = ProbePlan(container["livenessProbe"], of: container) {
        group.addTask {
          // The first change is the failure that counts.
          while !Task.isCancelled {
            if await !self.ask(liveness, of: name, before: true), !Task.isCancelled {
              return await self.restart(name, process, "liveness")
            }
          }
        }
      }
    }
  }

  /// Asks until the result that counts has come: the first one with a full threshold.
  private func ask(_ probe: ProbePlan, of name: String, before: Bool) async -> Bool {
    var count = ProbeCount(probe, isSuccess: before)
    guard (try? await Task.sleep(for: before ? max(probe.initialDelay, probe.period) : probe.initialDelay)) != nil
    else {
      return before
    }
    while !Task.isCancelled {
      let failure = await perform(probe.action, in: name, timeout: probe.timeout)
      guard !Task.isCancelled else { return before }
      if let result = count.take(failure == nil), result || before || !result { return result }
      guard (try? await Task.sleep(for: probe.period)) != nil else { return before }
    }
    return before
  }

  private func follow(_ probe: ProbePlan, of name: String) async {
    var count = ProbeCount(probe, isSuccess: false)
    guard (try? await Task.sleep(for: probe.initialDelay)) != nil else { return }
    while !Task.isCancelled {
      let failure = await perform(probe.action, in: name, timeout: probe.timeout)
      guard !Task.isCancelled else { return }
      if count.take(failure == nil) != nil, status[name]?.isReady != count.isSuccess {
        status[name]?.isReady = count.isSuccess
        changed()
      }
      guard (try? await Task.sleep(for: probe.period)) != nil else { return }
    }
  }

  private func restart(_ name: String, _ process: ChildProcess, _ probe: String) async {
    node.logger.warning(
      "a container is restarted, its probe has failed",
      metadata: ["pod": "\(namespace)/\(self.name)", "container": "\(name)", "probe": "\(probe)"])
    await process.terminate(grace: gracePeriod)
  }

  private var gracePeriod: Duration {
    .seconds(pod["spec"]?["terminationGracePeriodSeconds"]?.number.flatMap(Int.init(exactly:)) ?? 30)
  }

  /// Performs an action in or at a container.
  ///
  /// - Returns: what is wrong; `nil` for success.
  func perform(_ action: ProbePlan.Action, in name: String, timeout: Duration?) async -> String? {
    await node.prober.failure(of: action, address: status.addresses.first ?? "", timeout: timeout) { command in
      do throws(PodNetworkError) {
        let result = try await self.execute(command, in: name)
        return result.status.isSuccess ? nil : "\(command.joined(separator: " ")) \(result.status): \(result.errors)"
      } catch { return "\(error)" }
    }
  }

  /// Runs a command in a running container, as its user and with its environment.
  func execute(_ command: [String], in name: String) async throws(PodNetworkError) -> Script.Output {
    guard let process = processes[name], var plan = plans[name] else {
      throw PodNetworkError(code: .failed, message: "the container \(name.quoted) of the pod \(self.name) does not run")
    }
    plan.command = command
    do throws(SpawnError) {
      return try await Script.output(
        of: ChildProcess.Command(
          "/bin/sh",
          ["-e", "-c", "cd \(ContainerScript.quoted(plan.directory)); exec \"$@\"", "sh"]
            + ContainerScript.program(plan), environment: Script.environment,
          namespaces: ProcessNamespaces(of: process.pid)))
    } catch { throw PodNetworkError(code: .failed, message: "\(error)") }
  }

  // MARK: The end

  /// Ends all containers as the pod's deletion wants it: hooks, a request to end, and a kill when the grace period is over.
  func stopContainers(grace: Duration) async {
    let end = ContinuousClock.now + grace
    let containers = (pod["spec"]?["containers"]?.array ?? []) + (pod["spec"]?["initContainers"]?.array ?? [])
    await withDiscardingTaskGroup { group in
      for container in containers {
        let name = container["name"]?.string ?? ""
        guard let process = processes[name] else { continue }
        group.addTask {
          if let hook = container["lifecycle"]?["preStop"] {
            let action = ProbePlan.action(hook, of: container)
            _ = await self.perform(action, in: name, timeout: max(end - .now, .zero))
          }
          let status = await process.terminate(grace: max(end - .now, .zero))
          await self.noteEnd(of: name, status)
          await self.changed()
        }
      }
    }
  }

  /// Ends what still runs when all other containers have ended: sidecars.
  func endProcesses(grace: Duration) async {
    await withDiscardingTaskGroup { group in
      for process in processes.values { group.addTask { await process.terminate(grace: grace) } }
    }
  }
}
