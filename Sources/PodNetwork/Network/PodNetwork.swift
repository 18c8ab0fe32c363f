import Glibc
import ProcessSupervisor
import Synchronization
import SystemErrors

/// A network of pods on this machine, as a node of a Kubernetes cluster has one: a bridge in a network namespace of its own, to
/// which the namespaces of pods and this process are connected. Needs the rights of root.
///
/// Pods have addresses of `10.244.N.0/24` and, where this machine has IPv6, of `fd00:10:244:N::/64`; N is free on this machine.
/// They reach one another and, at ``hostAddress``, the servers of this machine that listen there or at all addresses. All else
/// is unreachable for them, which they are told at once, until ``addExternalAddress(_:)`` adds something. Nothing owns the
/// addresses of Services: a proxy in the pod has to take what is sent there.
///
/// Namespaces are held by child processes, and the kernel removes them with their interfaces, mounts and processes when this
/// process ends, also when it is killed. Nothing of the machine is changed: not its rules of iptables, not its settings, not its
/// files.
package final class PodNetwork: Sendable {
  /// The address at which pods reach servers of this machine.
  package let hostAddress: String
  /// The same for IPv6; `nil` where the machine has no IPv6.
  package let hostAddress6: String?

  private let number: Int
  private let name: AbstractName
  private let holder: NamespaceHolder
  private let state: Mutex<State>

  private struct State {
    /// The last part of the address that the next pod gets.
    var next = 2
    var taken: Set<Int> = []
    /// How many pods were made; interfaces are named by it.
    var made = 0
    var sandboxes: [ObjectIdentifier: PodSandbox] = [:]
  }

  // MARK: Start and end

  /// Makes a network.
  ///
  /// - Throws: ``PodNetworkError``, saying what this machine lacks.
  package static func start() async throws(PodNetworkError) -> PodNetwork {
    if let whyNot = await whyNot() { throw PodNetworkError(code: .notPossible, message: whyNot) }
    let routes = try await Script.run("the routes of this machine cannot be read", "ip -4 route; ip -6 route")
    for number in 0..<256 where !routes.contains("10.244.\(number).") && !routes.contains("fd00:10:244:\(number):") {
      // Another process may be about to take the same number.
      guard let name = AbstractName("kuma-trace/pods/\(number)") else { continue }
      return try await PodNetwork(number: number, name: name)
    }
    throw PodNetworkError(code: .noAddress, message: "no range of 10.244.0.0/16 is free for pods on this machine")
  }

  private init(number: Int, name: AbstractName) async throws(PodNetworkError) {
    self.number = number
    self.name = name
    let hasIPv6 = Self.hasIPv6
    hostAddress = "10.244.\(number).254"
    hostAddress6 = hasIPv6 ? "fd00:10:244:\(number)::fe" : nil
    state = Mutex(State())
    let link = Self.link(number)
    holder = try await NamespaceHolder(
      "the bridge of the pods cannot be made", ["--net"] + NamespaceHolder.endsWithOwner,
      script: """
        ip link set lo up
        ip link add name pods type bridge
        ip addr add 10.244.$1.1/24 dev pods
        ip link set pods up
        ip route add unreachable default
        echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects
        echo 0 >/proc/sys/net/ipv4/conf/pods/send_redirects
        echo 1 >/proc/sys/net/ipv4/ip_forward
        if [ "$2" = true ]; then
          ip -6 addr add fd00:10:244:$1::1/64 dev pods nodad
          ip -6 route add unreachable default
          echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
        fi
        """, ["\(number)", "\(hasIPv6)"])
    do throws(PodNetworkError) {
      try await Script.run(
        "this process cannot be connected to the bridge of the pods",
        """
        ip link add name host type veth peer name "$1" netns "$2"
        ip link set host master pods up
        """, [link, "\(getpid())"], in: ProcessNamespaces(of: holder.pid, [.network]))
      try await Script.run(
        "this process cannot be connected to the bridge of the pods",
        """
        ip addr add "$2/24" dev "$1"
        if [ -n "$3" ]; then ip -6 addr add "$3/64" dev "$1" nodad; fi
        ip link set "$1" up alias "$4"
        """, [link, hostAddress, hostAddress6 ?? "", Self.alias(of: getpid())])
    } catch {
      await holder.end()
      throw error
    }
  }

  /// Whether links of this machine can have addresses of IPv6.
  private static var hasIPv6: Bool {
    ["all", "default"].allSatisfy { name in
      guard case .success(let text) = FileAccess.read("/proc/sys/net/ipv6/conf/\(name)/disable_ipv6") else {
        return false
      }
      return text.first == UInt8(ascii: "0")
    }
  }

  private static func link(_ number: Int) -> String { "kuma-pods-\(number)" }

  /// What `ip link` shows beside the link of a network, so that people and tests see whose it is.
  ///
  /// - Parameter process: the one that made the network.
  package static func alias(of process: Int32) -> String { "pods of process \(process)" }

  /// Removes the network with all its pods.
  package func stop() async {
    let sandboxes = state.withLock { Array($0.sandboxes.values) }
    for sandbox in sandboxes { await sandbox.remove() }
    // The kernel removes namespaces a moment after their last process; this link goes now.
    _ = try? await Script.run("the bridge of the pods cannot be removed", "ip link del \"$1\"", [Self.link(number)])
    await holder.end()
  }

  /// What a network of pods needs that this machine or this user lacks; `nil` when nothing does.
  package static func whyNot() async -> String? {
    guard geteuid() == 0 else { return "network namespaces need the rights of root: run it as root" }
    for (program, package) in [("unshare", "util-linux"), ("setpriv", "util-linux"), ("ip", "iproute2")]
    where ChildProcess.find(program, path: Script.environment["PATH"]) == nil {
      return "there is no program \(program); install the package \(package)"
    }
    do {
      try await Script.run(
        "this machine does not allow namespaces",
        """
        exec unshare --net --mount --pid --fork --kill-child --propagation private /bin/sh -e -c \\
          'ip link add name left type veth peer name right; mount -t tmpfs tmpfs /media; mount -t proc proc /proc'
        """)
      return nil
    } catch { return error.message }
  }

  // MARK: Pods

  /// Makes the namespaces of a pod: network, processes, host name and mounts.
  ///
  /// - Parameter hostname: the pod's name.
  /// - Throws: ``PodNetworkError``.
  package func makePod(hostname: String) async throws(PodNetworkError) -> PodSandbox {
    let (host, index) = try takeAddress()
    let sandbox: PodSandbox
    do throws(PodNetworkError) {
      sandbox = try await PodSandbox(
        hostname: hostname, network: self, bridge: ProcessNamespaces(of: holder.pid, [.network]), port: "pod\(index)",
        number: number, host: host)
    } catch {
      giveBack(host)
      throw error
    }
    state.withLock { $0.sandboxes[ObjectIdentifier(sandbox)] = sandbox }
    return sandbox
  }

  private func takeAddress() throws(PodNetworkError) -> (host: Int, index: Int) {
    let taken: (Int, Int)? = state.withLock { state in
      // Addresses are used again as late as possible.
      for _ in 2..<254 {
        let host = state.next
        state.next = host == 253 ? 2 : host + 1
        guard state.taken.insert(host).inserted else { continue }
        state.made += 1
        return (host, state.made)
      }
      return nil
    }
    guard let taken else {
      throw PodNetworkError(code: .noAddress, message: "all addresses of 10.244.\(number).0/24 are pods' already")
    }
    return taken
  }

  private func giveBack(_ host: Int) { _ = state.withLock { $0.taken.remove(host) } }

  func forget(_ sandbox: PodSandbox) {
    state.withLock { state in
      state.sandboxes[ObjectIdentifier(sandbox)] = nil
      state.taken.remove(sandbox.host)
    }
  }

  // MARK: The world outside

  /// Gives this machine another address that pods reach, for servers that are not in the cluster. It goes with the network.
  ///
  /// - Parameter address: of IPv4 or IPv6; choose one of the ranges for documentation, such as 203.0.113.0/24.
  package func addExternalAddress(_ address: String) async throws(PodNetworkError) {
    let isIPv6 = address.contains(":")
    guard let gateway = isIPv6 ? hostAddress6 : hostAddress else {
      throw PodNetworkError(code: .noAddress, message: "\(address) cannot be added: this machine has no IPv6")
    }
    let what = "the address \(address) cannot be added"
    try await Script.run(
      what, "ip addr add \"$2/$3\" dev \"$1\" $4",
      [Self.link(number), address, isIPv6 ? "128" : "32", isIPv6 ? "nodad" : ""])
    try await Script.run(
      what, "ip route add \"$1\" via \"$2\" dev pods", [address, gateway],
      in: ProcessNamespaces(of: holder.pid, [.network]))
  }
}
