import Foundation
import PodNetwork
import ProcessSupervisor
import TestSupport
import Testing

/// Not the one of the testing library.
private typealias ExitStatus = ProcessSupervisor.ExitStatus

/// The namespaces of pods on this machine. The rig itself: a wrong one would let other tests pass.
@Suite(.inNetworkNamespaces, .timeLimit(.minutes(15)))
struct PodNetworkTests {
  /// Runs a test with a network, which is removed after it.
  private static func withNetwork(_ body: (PodNetwork) async throws -> Void) async throws {
    let network = try await PodNetwork.start()
    do { try await body(network) } catch {
      await network.stop()
      throw error
    }
    await network.stop()
  }

  /// A server of HTTP in a pod or on this machine.
  private static func serve(_ port: Int, at address: String, in pod: PodSandbox? = nil) throws -> ChildProcess {
    try ChildProcess.start(
      ChildProcess.Command(
        "python3", ["-m", "http.server", "\(port)", "--bind", address, "--directory", "/usr/share"],
        environment: ["PATH": "/usr/local/bin:/usr/bin:/bin"], output: .discard, errors: .discard,
        namespaces: pod?.namespaces))
  }

  private static func isAnswered(_ address: String, _ port: Int, in pod: PodSandbox) async throws -> Bool {
    let host = address.contains(":") ? "[\(address)]" : address
    let answer = try await pod.run("curl", "-sf", "-m", "5", "-o", "/dev/null", "http://\(host):\(port)/")
    return answer.status.isSuccess
  }

  @Test("Pods reach each other and this machine, over both families")
  func reach() async throws {
    try await Self.withNetwork { network in
      let (one, other) = (try await network.makePod(hostname: "one"), try await network.makePod(hostname: "other"))
      #expect(one.addresses != other.addresses)
      for (address, host) in zip(other.addresses, [network.hostAddress, network.hostAddress6 ?? ""]) {
        let inPod = try Self.serve(8080, at: address, in: other)
        var ports = FreePorts()
        let port = try ports.take()
        let onHost = try Self.serve(port, at: host)
        try await eventually("an answer of \(address)") { try await Self.isAnswered(address, 8080, in: one) }
        try await eventually("an answer of \(host)") { try await Self.isAnswered(host, port, in: one) }
        inPod.signal(.kill)
        onHost.signal(.kill)
      }
    }
  }

  @Test("A pod has its own host name and processes, and sees what is added to the world outside, and nothing else")
  func isolation() async throws {
    try await Self.withNetwork { network in
      let pod = try await network.makePod(hostname: "web-1")
      #expect(try await pod.run("cat", "/proc/sys/kernel/hostname").output == "web-1")
      let own = try String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8)
      #expect(!own.hasPrefix("web-1"))
      // It is told at once that there is nothing.
      let answer = try await pod.run("curl", "-s", "http://203.0.113.9:80/")
      #expect(answer.status == .exited(7), "\(answer)")

      try await network.addExternalAddress("203.0.113.9")
      var ports = FreePorts()
      let port = try ports.take()
      let server = try Self.serve(port, at: "203.0.113.9")
      try await eventually("an answer") { try await Self.isAnswered("203.0.113.9", port, in: pod) }
      server.signal(.kill)
    }
  }

  @Test("The link of a network names the process that has made it")
  func alias() async throws {
    try await Self.withNetwork { network in
      let number = network.hostAddress.split(separator: ".")[2]
      let alias = try String(contentsOfFile: "/sys/class/net/kuma-pods-\(number)/ifalias", encoding: .utf8)
      #expect(alias == "pods of process \(ProcessInfo.processInfo.processIdentifier)\n")
    }
  }

  @Test("A removed pod takes its processes with it, also those that have changed their user and their group")
  func removal() async throws {
    try await Self.withNetwork { network in
      let pod = try await network.makePod(hostname: "gone")
      // One that has changed its user, and one that has left its session: neither would end with its parent.
      let process = try ChildProcess.start(
        ChildProcess.Command(
          "setpriv",
          ["--reuid", "5678", "--clear-groups", "sh", "-c", "setsid sh -c 'echo gone; exec sleep 1000' & wait"],
          output: .discard, namespaces: pod.namespaces))
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pod.namespaces.process)/ns/net")
      func processes() -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.count { name in
          guard let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/ns/net") else {
            return false
          }
          return link == own
        }
      }
      // The pod's own two, the shell, and its child.
      try await eventually("the processes in the pod") { processes() >= 5 }
      await pod.remove()
      #expect(await process.exitStatus() == .signalled(9))
      try await eventually("no process in the pod") { processes() == 0 }
      #expect(throws: SpawnError.self) {
        try ChildProcess.start(ChildProcess.Command("true", namespaces: pod.namespaces))
      }
      // A second removal does nothing.
      await pod.remove()
    }
  }

  /// A thread that starts a child in a namespace of processes could start no threads itself, if it stayed there.
  @Test("The ends of many programs in pods are told, whoever waits")
  func manyPrograms() async throws {
    try await Self.withNetwork { network in
      let pod = try await network.makePod(hostname: "many")
      let ends = try await withThrowingTaskGroup(of: ExitStatus.self) { group in
        for number in 0..<100 {
          group.addTask { try await pod.run("sh", "-c", "exit \(number)").status }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(Set(ends) == Set((0..<100).map { .exited($0) }))
    }
  }

  private static let heldFile = ProcessInfo.processInfo.environment["KUMA_TRACE_HELD_NETWORK"]

  /// The owner that ``killedOwner()`` kills: it makes a network with a pod and says so in a file.
  @Test(.enabled(if: heldFile != nil, "only in the process that another test kills"))
  func held() async throws {
    let network = try await PodNetwork.start()
    let pod = try await network.makePod(hostname: "held")
    let process = try ChildProcess.start(
      ChildProcess.Command(
        "setpriv", ["--reuid", "5678", "--clear-groups", "sleep", "1000"], namespaces: pod.namespaces))
    let text = "\(network.hostAddress) \(pod.namespaces.process) \(process.pid)"
    try text.write(toFile: Self.heldFile ?? "", atomically: true, encoding: .utf8)
    _ = await process.exitStatus()
  }

  @Test("An owner that is killed leaves no process, no link, no mount and no file behind")
  func killedOwner() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("held")
    var environment = ProcessInfo.processInfo.environment
    environment["KUMA_TRACE_HELD_NETWORK"] = file
    let owner = try ChildProcess.start(
      ChildProcess.Command(
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
        ["--testing-library", "swift-testing", "--filter", "PodNetworkTests/held"], environment: environment,
        output: .discard, errors: .discard))
    let words = try await eventually("a network of another process") { () -> [String]? in
      #expect(owner.currentExitStatus == nil)
      return (try? String(contentsOfFile: file, encoding: .utf8))?.split(separator: " ").map(String.init)
    }
    let mounts = try String(contentsOfFile: "/proc/mounts", encoding: .utf8)
    owner.signal(.kill)
    _ = await owner.exitStatus()
    try await eventually("the end of all processes") {
      // A process that nobody has waited for yet has no namespaces any more.
      words[1...].allSatisfy {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/ns/net")) == nil
      }
    }
    // The kernel removes namespaces a moment after their last process.
    try await eventually("the end of the link") {
      let answer = try ChildProcess.start(
        ChildProcess.Command(
          "sh", ["-c", "! ip -o addr | grep -qF '\(words[0])/'"], output: .discard, errors: .discard))
      return await answer.exitStatus().isSuccess
    }
    #expect(try String(contentsOfFile: "/proc/mounts", encoding: .utf8) == mounts)
    #expect(try folder.names == ["held"])
  }
}
