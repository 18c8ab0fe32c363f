import ArgumentParser

/// Flags of Kuma's installation for what does not exist here. Each is refused with a sentence.
struct RefusedInstallation: ParsableArguments {
  @Flag(help: "refused: there is no CNI plugin")
  var cniEnabled = false

  @Flag(help: "refused: there are no zone proxies")
  var ingressEnabled = false

  @Flag(help: "refused: there are no zone proxies")
  var egressEnabled = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("refused: there is no global control plane", valueName: "string"))
  var kdsGlobalAddress: String?

  /// Throws for the first flag that was given.
  func check() throws {
    let zones = "a control plane is one zone and has no zone proxies; leave the flag out"
    try RefusedFlag.check([
      RefusedFlag(
        "cni-enabled", isGiven: cniEnabled,
        "an init container redirects the traffic of pods, and needs NET_ADMIN there; leave the flag out"),
      RefusedFlag("ingress-enabled", isGiven: ingressEnabled, zones),
      RefusedFlag("egress-enabled", isGiven: egressEnabled, zones),
      RefusedFlag("kds-global-address", isGiven: kdsGlobalAddress != nil, zones),
    ])
  }
}
