import ArgumentParser

/// Flags of Kuma's transparent proxy for what does not exist here. Each is refused with a sentence: a machine that seems
/// to be set up but is not is worse than an error.
struct RefusedRedirection: ParsableArguments {
  @Flag(help: "refused: DNS is not redirected")
  var redirectDns = false

  @Flag(help: "refused: DNS is not redirected")
  var redirectAllDnsTraffic = false

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: DNS is not redirected", valueName: "string"))
  var redirectDnsPort: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: DNS is not redirected", valueName: "string"))
  var redirectDnsUpstreamTargetChain: String?

  @Flag(help: "refused: DNS is not redirected")
  var skipDnsConntrackZoneSplit = false

  @Flag(help: "refused: the rules are not stored with firewalld")
  var storeFirewalld = false

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("refused: virtual networks are not redirected", valueName: "stringArray"))
  var vnet: [String] = []

  @OptionGroup var ebpf: RefusedEBPF

  /// Throws for the first flag that was given.
  func check() throws {
    let dns =
      "names are resolved as before and there are no .mesh names; leave the flag out and call services by the names of "
      + "the cluster"
    try RefusedFlag.check([
      RefusedFlag("redirect-dns", isGiven: redirectDns, dns),
      RefusedFlag("redirect-all-dns-traffic", isGiven: redirectAllDnsTraffic, dns),
      RefusedFlag("redirect-dns-port", isGiven: redirectDnsPort != nil, dns),
      RefusedFlag("redirect-dns-upstream-target-chain", isGiven: redirectDnsUpstreamTargetChain != nil, dns),
      RefusedFlag("skip-dns-conntrack-zone-split", isGiven: skipDnsConntrackZoneSplit, dns),
      RefusedFlag(
        "store-firewalld", isGiven: storeFirewalld,
        "firewalld is not told; leave the flag out and run this command at each start of the machine"),
      RefusedFlag(
        "vnet", isGiven: !vnet.isEmpty, "connections of virtual networks are not redirected; leave the flag out"),
    ])
    try ebpf.check()
  }
}

/// Flags for a transparent proxy with eBPF, which does not exist here.
struct RefusedEBPF: ParsableArguments {
  @Flag(help: "refused: there is no eBPF")
  var ebpfEnabled = false

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: there is no eBPF", valueName: "string"))
  var ebpfBpffsPath: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: there is no eBPF", valueName: "string"))
  var ebpfCgroupPath: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: there is no eBPF", valueName: "string"))
  var ebpfInstanceIp: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: there is no eBPF", valueName: "string"))
  var ebpfProgramsSourcePath: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("refused: there is no eBPF", valueName: "string"))
  var ebpfTcAttachIface: String?

  /// Throws if one of the flags was given.
  func check() throws {
    let options = [ebpfBpffsPath, ebpfCgroupPath, ebpfInstanceIp, ebpfProgramsSourcePath, ebpfTcAttachIface]
    guard ebpfEnabled || options.contains(where: { $0 != nil }) else { return }
    throw CommandFailure(
      "flags that begin with --ebpf are not supported: connections are redirected with iptables; leave the flags out")
  }
}
