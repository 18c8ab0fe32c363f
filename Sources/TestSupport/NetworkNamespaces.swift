import Foundation
package import Testing

/// What tests need that make network namespaces with rules of iptables.
package enum NetworkNamespaces {
  /// What this machine or this user lacks, and what to do; `nil` when nothing is missing.
  package static let whyNot: String? = {
    guard geteuid() == 0 else { return "network namespaces need the rights of root; run the tests as root" }
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    for program in ["unshare", "setpriv", "ip", "iptables-restore", "ip6tables-restore", "curl"] {
      guard folders.contains(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }) else {
        return "there is no program \(program); type: Scripts/setup"
      }
    }
    let script = """
      export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
      exec unshare --net --mount --pid --fork --kill-child --propagation private /bin/sh -e -c '
        ip link add name left type veth peer name right
        mount -t tmpfs tmpfs /media
        iptables -t nat -A OUTPUT -p tcp -m owner --uid-owner 5678 -j RETURN' >/dev/null 2>&1
      """
    let isPossible = run("/bin/sh", ["-c", script])
    return isPossible ? nil : "this machine does not allow network namespaces with rules of iptables"
  }()

  /// Whether tests are to run that need them: they are possible, or `KUMA_TRACE_REQUIRE_NETWORK=1` says that they have to be.
  /// Then the tests fail where they are not.
  package static var isAvailable: Bool {
    whyNot == nil || ProcessInfo.processInfo.environment["KUMA_TRACE_REQUIRE_NETWORK"] == "1"
  }

  private static func run(_ program: String, _ arguments: [String]) -> Bool {
    let words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid = pid_t()
    var status: Int32 = -1
    guard posix_spawn(&pid, program, nil, nil, words, [nil]) == 0 else { return false }
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return status == 0
  }
}

extension Trait where Self == ConditionTrait {
  /// Runs a test or a suite only where network namespaces with rules of iptables are possible; the report of the others says
  /// what is missing.
  package static var inNetworkNamespaces: Self {
    .enabled(if: NetworkNamespaces.isAvailable, "no pods: \(NetworkNamespaces.whyNot ?? "")")
  }
}
