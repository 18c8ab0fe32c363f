import TestSupport
import Testing

/// The real `kumactl` with the real programs and rules of the kernel.
@Suite(.inNetworkNamespaces, .timeLimit(.minutes(15)))
struct InstalledRulesTests {
  /// One of the documented sets of flags.
  struct Flags: Sendable, CustomTestStringConvertible {
    var name: String
    var text: String
    var testDescription: String { name }

    static let all = [
      Flags(name: "defaults", text: ""),
      Flags(
        name: "injected",
        text: """
          --config-file /tmp/kumactl/config --redirect-outbound-port 15001 --redirect-inbound=true --redirect-inbound-port \
          15006 --kuma-dp-uid 5678 --exclude-inbound-ports "" --exclude-outbound-ports "" --verbose --ip-family-mode dualstack
          """),
      Flags(name: "gateway", text: "--redirect-inbound=false"),
      Flags(
        name: "ports",
        text: """
          --redirect-outbound-port 12345 --redirect-inbound-port 12346 --exclude-outbound-ports 2000,2001 \
          --exclude-inbound-ports 1000,1001
          """),
      Flags(
        name: "users",
        text: """
          --exclude-outbound-ports-for-uids tcp:1900,1902,1000-2000:106-108 \
          --exclude-outbound-ports-for-uids 123 --exclude-outbound-udp-ports-for-uids 3900,4000-6000:303
          """),
      Flags(name: "ipv4", text: "--ip-family-mode ipv4"),
      Flags(name: "ipv6-port", text: "--redirect-inbound-port-v6 15007"),
    ]
  }

  @Test("each set of flags gives the same rules with both back ends", arguments: Flags.all)
  func sets(_ flags: Flags) async throws {
    for (programs, end) in [(Namespace.Programs.all, "-nft"), (.onlyLegacy, "-legacy"), (.oldNames, "")] {
      let outcome = try await Namespace.run(
        programs,
        """
        install \(flags.text) >&2
        save iptables\(end)-save
        save ip6tables\(end)-save
        """)
      #expect(outcome.isSuccess, "\(outcome.errors)")
      try Golden(directory: "Rules").check(outcome.output, "\(flags.name).txt")
    }
  }

  @Test("a second installation replaces the first, and keeps what others have", arguments: ["nft", "legacy"])
  func twice(backEnd: String) async throws {
    let outcome = try await Namespace.run(
      backEnd == "nft" ? .all : .onlyLegacy,
      """
      iptables-\(backEnd) -t nat -N OTHER
      iptables-\(backEnd) -t nat -A OUTPUT -p tcp -m multiport --dports 7 -m owner --uid-owner 7 -j RETURN
      install --exclude-outbound-ports-for-uids 7:7 >&2
      save iptables-\(backEnd)-save >/tmp/first
      install --exclude-outbound-ports-for-uids 7:7 --verbose >&2
      save iptables-\(backEnd)-save >/tmp/second
      diff /tmp/first /tmp/second
      install --exclude-inbound-ports 22 >&2
      save iptables-\(backEnd)-save >/tmp/third
      grep -c OTHER /tmp/third
      grep -c 'dports 7' /tmp/third
      grep -c -- '-A KUMA_MESH_INBOUND ' /tmp/third
      install >&2
      save iptables-\(backEnd)-save | grep -c 'dport 22' || true
      """)
    #expect(outcome.isSuccess, "\(outcome.errors)")
    #expect(outcome.output == "1\n1\n2\n0\n", "\(outcome.errors)")
  }

  @Test("two installations at the same time leave one set of rules")
  func concurrently() async throws {
    let outcome = try await Namespace.run(
      """
      install --max-retries 50 >/tmp/one 2>&1 & first=$!
      install --max-retries 50 >/tmp/two 2>&1
      wait $first
      cat /tmp/one /tmp/two >&2
      save iptables-nft-save | grep -c -- '-j KUMA_MESH_OUTBOUND$'
      """)
    #expect(outcome.output == "1\n" && outcome.isSuccess, "\(outcome.errors)")
  }

  @Test("after the removal nothing is left, and what others have is as before", arguments: ["nft", "legacy"])
  func removal(backEnd: String) async throws {
    let outcome = try await Namespace.run(
      backEnd == "nft" ? .all : .onlyLegacy,
      """
      state() {
        save iptables-\(backEnd)-save; save ip6tables-\(backEnd)-save
        ip -6 addr show dev lo | grep -c 'inet6 ::6/128' || true
      }
      state >/tmp/before
      install --exclude-outbound-ports-for-uids 7:7 >&2
      ip -6 addr show dev lo | grep -c 'inet6 ::6/128'
      uninstall --dry-run >/tmp/dry
      grep -c KUMA_MESH_INBOUND_REDIRECT /tmp/dry
      state | cmp -s - /tmp/before && echo gone || echo unchanged
      uninstall >&2
      state | diff - /tmp/before
      for program in iptables ip6tables; do
        $program-\(backEnd) -t nat -A OUTPUT -p tcp -m multiport --dports 7 -m owner --uid-owner 7 -j RETURN
        $program-\(backEnd) -t nat -N KUMA_MESH
      done
      state >/tmp/before
      install --exclude-outbound-ports-for-uids 7:7 >&2
      uninstall >&2
      state | diff - /tmp/before
      uninstall 2>&1
      """)
    #expect(outcome.isSuccess, "\(outcome.errors)")
    #expect(
      outcome.output == """
        1
        4
        unchanged
        # there are no rules of a transparent proxy
        Transparent proxy cleaned up successfully

        """, "\(outcome.errors)")
  }

  @Test("after the removal the kernel calls no chains of nft any more")
  func noChains() async throws {
    let outcome = try await Namespace.run(
      """
      install >&2
      uninstall >&2
      for program in iptables-nft ip6tables-nft; do
        for chain in PREROUTING OUTPUT; do $program -t nat -X $chain 2>&1 || true; done
      done
      """)
    #expect(outcome.isSuccess, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 4 && lines.allSatisfy { $0.contains("No chain") }, "\(outcome.output)")
  }

  @Test("rules of the other back end are replaced")
  func otherBackEnd() async throws {
    let outcome = try await Namespace.run(
      """
      export -f kumactl install
      unshare --mount --propagation private bash -e -c \
        'mount --bind /bin/false $(readlink -f /usr/sbin/iptables-nft); install' >&2
      save iptables-legacy-save | grep -c -- '-j KUMA_MESH_OUTBOUND$'
      install >&2
      save iptables-legacy-save | grep -c KUMA || true
      save iptables-nft-save | grep -c -- '-j KUMA_MESH_OUTBOUND$'
      """)
    #expect(outcome.isSuccess, "\(outcome.errors)")
    #expect(outcome.output == "1\n0\n1\n", "\(outcome.errors)")
  }

  @Test("IPv6 is left out where no interface has an address of it")
  func withoutIPv6() async throws {
    let outcome = try await Namespace.run(
      """
      echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
      install --verbose 2>&1 >/dev/null | grep -c 'IPv6 is left out'
      save ip6tables-nft-save | grep -c KUMA || true
      ip -6 addr show dev lo | grep -c 'inet6 ::6/128' || true
      save iptables-nft-save | grep -c -- '-j KUMA_MESH_OUTBOUND$'
      """)
    #expect(outcome.isSuccess, "\(outcome.errors)")
    #expect(outcome.output == "1\n0\n0\n1\n", "\(outcome.errors)")
  }
}
