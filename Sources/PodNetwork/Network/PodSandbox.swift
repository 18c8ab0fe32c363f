package import ProcessSupervisor
import Synchronization

/// The namespaces of a pod: its network, its processes, its host name, and its mounts, which hold a file system in memory for
/// the pod's volumes.
package final class PodSandbox: Sendable {
  /// The pod's name.
  package let hostname: String
  /// The pod's address.
  package let address: String
  /// The pod's address of IPv6; `nil` where the machine has none.
  package let address6: String?

  /// The pod's addresses, that of IPv4 first.
  package var addresses: [String] { [address] + (address6.map { [$0] } ?? []) }

  /// The last part of the address.
  let host: Int
  private let network: PodNetwork
  private let bridge: ProcessNamespaces
  private let port: String
  private let holder: NamespaceHolder
  private let isRemoved = Mutex(false)

  /// Where the file system in memory is, seen from inside.
  static let memory = "/media"

  init(
    hostname: String, network: PodNetwork, bridge: ProcessNamespaces, port: String, number: Int, host: Int
  ) async throws(PodNetworkError) {
    self.hostname = hostname
    self.network = network
    self.bridge = bridge
    self.port = port
    self.host = host
    address = "10.244.\(number).\(host)"
    // In the form in which programs write it (RFC 5952), so that the two can be compared.
    let prefix6 = number == 0 ? "fd00:10:244::" : "fd00:10:244:\(number)::"
    address6 = network.hostAddress6 == nil ? nil : prefix6 + String(host, radix: 16)
    let what = "the namespaces of the pod \(hostname) cannot be made"
    holder = try await NamespaceHolder(
      what,
      ["--net", "--uts", "--ipc", "--mount", "--propagation", "private"] + NamespaceHolder.endsWithOwner,
      script: """
        ip link set lo up
        mount -t tmpfs -o mode=755 tmpfs \(Self.memory)
        printf %s "$1" >/proc/sys/kernel/hostname
        """, [hostname])
    do throws(PodNetworkError) {
      try await Script.run(
        what,
        """
        ip link add name "$1" type veth peer name eth0 netns "$2"
        ip link set "$1" master pods up
        """, [port, "\(holder.pid)"], in: bridge)
      try await Script.run(
        what,
        """
        ip addr add "$1/24" dev eth0
        if [ -n "$2" ]; then ip -6 addr add "$2/64" dev eth0 nodad; fi
        ip link set eth0 up
        ip route add default via 10.244.$3.1
        if [ -n "$2" ]; then ip -6 route add default via fd00:10:244:$3::1; fi
        """, [address, address6 ?? "", "\(number)"], in: ProcessNamespaces(of: holder.pid, [.network]))
    } catch {
      await holder.end()
      throw error
    }
  }

  /// The namespaces, for a command that is to run in the pod as root, with this machine's files.
  package var namespaces: ProcessNamespaces { ProcessNamespaces(of: holder.pid) }

  /// A path of the file system in memory as this process reaches it.
  func file(_ path: String) -> String { "/proc/\(holder.pid)/root\(Self.memory)/\(path)" }

  /// Runs a program in the pod to its end, as root and with this machine's files.
  ///
  /// - Throws: ``PodNetworkError`` when it cannot be started; a failure of its own is the status.
  package func run(_ program: String, _ arguments: String...) async throws(PodNetworkError) -> (
    status: ExitStatus, output: String, errors: String
  ) {
    do throws(SpawnError) {
      let result = try await Script.output(
        of: ChildProcess.Command(program, arguments, environment: Script.environment, namespaces: namespaces))
      return (result.status, result.output, result.errors)
    } catch { throw PodNetworkError(code: .failed, message: "\(error)") }
  }

  /// Ends every process in the pod and removes its namespaces; its address may be another pod's from now on.
  package func remove() async {
    let isFirst = isRemoved.withLock { isRemoved in
      defer { isRemoved = true }
      return !isRemoved
    }
    guard isFirst else { return }
    await holder.end()
    // The kernel takes a moment to remove a namespace; its address must not answer until then.
    _ = try? await Script.run("the pod's link cannot be removed", "ip link del \"$1\"", [port], in: bridge)
    network.forget(self)
  }
}
