import Foundation
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing

/// Runs a script of the shell in a network namespace of its own, with `kumactl` as a function. The namespace has a
/// loopback interface and `eth0`, which has addresses of both families.
enum Namespace {
  /// What a script printed.
  struct Outcome {
    var isSuccess: Bool
    var output: String
    var errors: String
  }

  /// Which programs of iptables the machine has.
  enum Programs: Sendable {
    case all
    /// The programs for nft fail, as on a kernel without it.
    case onlyLegacy
    /// One back end, whose programs have the names of old versions.
    case oldNames
    case none

    fileprivate var script: String {
      switch self {
      case .all: ""
      case .onlyLegacy: "mount --bind /bin/false $(readlink -f /usr/sbin/iptables-nft)"
      case .oldNames:
        """
        mkdir /tmp/sbin
        cp $(readlink -f /usr/sbin/iptables-legacy) /tmp/sbin/xtables-legacy-multi
        for name in iptables ip6tables; do
          for end in "" -save -restore; do ln -s xtables-legacy-multi /tmp/sbin/$name$end; done
        done
        mount --bind /tmp/sbin /usr/sbin
        """
      case .none: "mount -t tmpfs tmpfs /usr/sbin"
      }
    }
  }

  /// Runs a script where all programs are there.
  static func run(_ script: String) async throws -> Outcome { try await run(.all, script) }

  /// Runs a script.
  ///
  /// - Parameters:
  ///   - programs: which programs there are.
  ///   - script: what is run; it ends with the first command that fails.
  static func run(_ programs: Programs, _ script: String) async throws -> Outcome {
    let output = Mutex("")
    let errors = Mutex("")
    let text = """
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
      kumactl() { "\(try TestPrograms.path("kumactl"))" "$@"; }
      install() { kumactl install transparent-proxy --kuma-dp-uid 5678 --sleep-between-retries 100ms "$@"; }
      uninstall() { kumactl uninstall transparent-proxy "$@"; }
      # The rules without dates and counters.
      save() { "$@" -t nat | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'; }
      ip link set lo up
      ip link add eth0 type veth peer name peer
      ip link set peer up
      ip addr add 192.0.2.1/24 dev eth0
      ip -6 addr add 2001:db8::1/64 dev eth0 nodad
      ip link set eth0 up
      mount -t tmpfs tmpfs /tmp
      export XTABLES_LOCKFILE=/tmp/xtables.lock
      \(programs.script)
      \(script)
      """
    let child = try ChildProcess.start(
      ChildProcess.Command(
        "unshare", ["--net", "--mount", "--propagation", "private", "/bin/bash", "-e", "-c", text],
        environment: ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"],
        output: .lines { line in output.withLock { $0 += line + "\n" } },
        errors: .lines { line in errors.withLock { $0 += line + "\n" } }))
    let status = await child.exitStatus()
    return Outcome(isSuccess: status.isSuccess, output: output.withLock { $0 }, errors: errors.withLock { $0 })
  }
}
