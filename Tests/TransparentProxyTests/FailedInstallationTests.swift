import TestSupport
import Testing

/// What goes wrong on real machines, and what the user is told.
@Suite(.inNetworkNamespaces, .timeLimit(.minutes(15)))
struct FailedInstallationTests {
  /// A folder with programs for IPv6 that read but cannot change anything.
  private static let brokenIPv6 = """
    mkdir /tmp/broken
    for kind in nft legacy; do
      ln -s $(readlink -f /usr/sbin/ip6tables-$kind) /tmp/broken/ip6tables-$kind
      ln -s $(readlink -f /usr/sbin/ip6tables-$kind) /tmp/broken/ip6tables-$kind-save
      printf '#!/bin/sh\\necho the kernel refuses >&2\\nexit 1\\n' >/tmp/broken/ip6tables-$kind-restore
      chmod +x /tmp/broken/ip6tables-$kind-restore
    done
    """

  @Test(
    "when IPv6 fails, IPv4 is as it was before",
    arguments: ["", "install --exclude-inbound-ports 22 --exclude-outbound-ports-for-uids 7:7 >&2"])
  func rollback(earlier: String) async throws {
    let outcome = try await Namespace.run(
      """
      \(Self.brokenIPv6)
      state() {
        save iptables-nft-save; save ip6tables-nft-save; ip -6 addr show dev lo | grep -c 'inet6 ::6/128' || true
      }
      \(earlier)
      state >/tmp/before
      PATH=/tmp/broken:$PATH install --max-retries 1 2>/tmp/errors >&2 && echo success || echo failure
      cat /tmp/errors >&2
      state | diff - /tmp/before
      grep -c 'will try again in 0.1 seconds' /tmp/errors
      grep -c 'Error: failed to setup transparent proxy: .*ip6tables-nft-restore failed: the kernel refuses' /tmp/errors
      """)
    #expect(outcome.isSuccess, "\(outcome.errors)")
    #expect(outcome.output == "failure\n1\n1\n", "\(outcome.errors)")
  }

  @Test("a rule that iptables does not understand is not tried again")
  func invalidRule() async throws {
    let outcome = try await Namespace.run(
      """
      \(Self.brokenIPv6)
      sed -i 's/the kernel refuses/Bad value for an option/' /tmp/broken/*-restore
      PATH=/tmp/broken:$PATH install --max-retries 1 2>/tmp/errors >&2 && echo success || echo failure
      grep -c 'will try again' /tmp/errors || true
      grep -c 'Error: failed to setup transparent proxy: .*ip6tables-nft-restore failed: Bad value' /tmp/errors
      """)
    #expect(outcome.output == "failure\n0\n1\n", "\(outcome)")
  }

  @Test(
    "a user without rights is told what is missing", arguments: ["install", "uninstall", "uninstall --dry-run"])
  func withoutRights(command: String) async throws {
    let outcome = try await Namespace.run(
      "export -f kumactl install uninstall; setpriv --bounding-set -net_admin bash -c '\(command) 2>&1' | tail -1")
    #expect(
      outcome.output.hasSuffix(
        "this process lacks the capability NET_ADMIN and cannot change the network; run this as root, or give the init "
          + "container the capabilities NET_ADMIN and NET_RAW (securityContext.capabilities.add)\n"), "\(outcome)")
  }

  @Test("without the programs the user is told which package has them", arguments: ["install", "uninstall"])
  func withoutPrograms(command: String) async throws {
    let outcome = try await Namespace.run(.none, "\(command) 2>&1 | tail -1")
    #expect(
      outcome.output.hasSuffix(
        "iptables-nft, iptables-nft-save and iptables-nft-restore are not installed; install iptables, for example with "
          + "`apt-get install iptables`\n"), "\(outcome)")
  }

  @Test("a file of the lock that cannot be written is named with its variable")
  func lockFile() async throws {
    let outcome = try await Namespace.run(
      .onlyLegacy, "XTABLES_LOCKFILE=/nowhere/lock install --max-retries 0 2>&1 | tail -1")
    #expect(outcome.output.contains("set XTABLES_LOCKFILE to a file that can be written"), "\(outcome)")
  }

  @Test("a lock that another program holds is waited for, and named")
  func lock() async throws {
    let outcome = try await Namespace.run(
      .onlyLegacy,
      """
      exec 7>/tmp/xtables.lock
      flock 7
      install --wait 1 --max-retries 0 2>&1 | tail -1
      flock -u 7
      install --wait 1 --wait-interval 1000 2>&1 | grep -- --wait
      """)
    #expect(outcome.output.contains("another program holds the lock; allow more time with --wait"), "\(outcome)")
    #expect(outcome.output.contains("iptables-legacy-restore --wait=1 --wait-interval=1000 --noflush"), "\(outcome)")
  }

  @Test("an installation that fails at first is tried again")
  func retry() async throws {
    let outcome = try await Namespace.run(
      .onlyLegacy,
      """
      exec 7>/tmp/xtables.lock
      flock 7
      { install --wait 1 --max-retries 50 2>&1; echo "status $?"; } | while read -r line; do
        case $line in
        *"will try again"*) flock -u 7 ;;
        *status*) echo "$line" ;;
        esac
      done
      save iptables-legacy-save | grep -c -- '-j KUMA_MESH_OUTBOUND$'
      """)
    #expect(outcome.output == "status 0\n1\n", "\(outcome)")
  }
}
