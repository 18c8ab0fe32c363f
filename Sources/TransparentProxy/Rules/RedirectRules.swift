/// The rules by which connections reach a proxy, for one family of addresses.
///
/// Chains, rules and their order are those of Kuma 2.7. What differs: the rules for users carry a comment, so that their
/// removal takes no rule of somebody else, and more than 15 ports of one exclusion make several rules, because iptables
/// takes no more in one.
package struct RedirectRules: Sendable, Hashable {
  /// The chains that belong to the proxy.
  enum Chain {
    static let inbound = "KUMA_MESH_INBOUND"
    static let outbound = "KUMA_MESH_OUTBOUND"
    static let inboundRedirect = "KUMA_MESH_INBOUND_REDIRECT"
    static let outboundRedirect = "KUMA_MESH_OUTBOUND_REDIRECT"
    static let all = [inbound, outbound, inboundRedirect, outboundRedirect]
  }

  /// The comment of rules in chains that belong to everybody. Kuma 2.9 begins its comments so.
  static let comment = "kuma/mesh/transparent/proxy"

  /// The address from which the proxy opens incoming connections to the application, so that they are not redirected
  /// again.
  package static func passthroughSource(_ family: IPFamily) -> String { family == .ipv4 ? "127.0.0.6" : "::6" }

  /// The family that the rules are for.
  package let family: IPFamily
  let rules: [PacketRule]

  /// Makes the rules.
  package init(_ settings: RedirectSettings, family: IPFamily) {
    self.family = family
    rules =
      Self.builtInChains(settings) + Self.inbound(settings) + Self.outbound(settings, family)
      + Self.redirects(settings, family)
  }

  /// The input of `iptables-restore --noflush` that installs the rules in one step.
  ///
  /// - Parameters:
  ///   - installed: what is there from an earlier installation; it is replaced in the same step.
  ///   - isVerbose: whether options are written with their long names, under headings.
  package func text(replacing installed: InstalledRules = InstalledRules(), isVerbose: Bool = false) -> String {
    let chains = Chain.all.map { "\(isVerbose ? "--new-chain" : "-N") \($0)" }
    let lines = rules.map { $0.line(isLong: isVerbose) }
    guard isVerbose else {
      return (["* nat"] + installed.removal + chains + lines + ["COMMIT"]).joined(separator: "\n") + "\n"
    }
    var sections = ["* nat"]
    if !installed.isEmpty {
      sections.append((["# Rules of the earlier installation:"] + installed.removal).joined(separator: "\n"))
    }
    sections.append((["# Custom Chains:"] + chains).joined(separator: "\n"))
    sections.append((["# Rules:"] + lines).joined(separator: "\n"))
    return (sections + ["COMMIT"]).joined(separator: "\n\n") + "\n"
  }

  private static func builtInChains(_ settings: RedirectSettings) -> [PacketRule] {
    var rules = [PacketRule("PREROUTING", [.transport(.tcp), .jump(Chain.inbound)])]
    var position = 1
    for exclusion in settings.exclusions {
      for ports in portLists(exclusion.ports) {
        rules.append(
          PacketRule(
            "OUTPUT", at: position,
            [
              .multiport, .transport(exclusion.transport, destinationPorts: ports), .user(text(exclusion.users)),
              .comment(comment), .jump("RETURN"),
            ]))
        position += 1
      }
    }
    rules.append(PacketRule("OUTPUT", [.transport(.tcp), .jump(Chain.outbound)]))
    return rules
  }

  private static func inbound(_ settings: RedirectSettings) -> [PacketRule] {
    guard settings.redirectsInbound else { return [PacketRule(Chain.inbound, [.transport(.tcp), .jump("RETURN")])] }
    return excluded(settings.excludedInboundPorts, in: Chain.inbound)
      + [PacketRule(Chain.inbound, [.transport(.tcp), .jump(Chain.inboundRedirect)])]
  }

  private static func outbound(_ settings: RedirectSettings, _ family: IPFamily) -> [PacketRule] {
    let user = String(settings.user)
    let source = family == .ipv4 ? "127.0.0.6/32" : "::6/128"
    let localhost = family == .ipv4 ? "127.0.0.1/32" : "::1/128"
    func rule(_ parts: PacketRule.Part...) -> PacketRule { PacketRule(Chain.outbound, parts) }
    return excluded(settings.excludedOutboundPorts, in: Chain.outbound) + [
      // The proxy's connection to the application.
      rule(.source(source), .leaves(settings.loopback), .jump("RETURN")),
      // The proxy calls a service of this machine: the call is an incoming connection.
      rule(
        .transport(.tcp), .leaves(settings.loopback), .destination(localhost, negated: true), .user(user),
        .jump(Chain.inboundRedirect)),
      // The application calls itself.
      rule(.transport(.tcp), .leaves(settings.loopback), .user(user, negated: true), .jump("RETURN")),
      // The proxy's own connections.
      rule(.user(user), .jump("RETURN")),
      rule(.destination(localhost), .jump("RETURN")),
      rule(.jump(Chain.outboundRedirect)),
    ]
  }

  private static func redirects(_ settings: RedirectSettings, _ family: IPFamily) -> [PacketRule] {
    let inboundPort = family == .ipv6 ? settings.inboundPortIPv6 ?? settings.inboundPort : settings.inboundPort
    return [
      PacketRule(Chain.inboundRedirect, [.transport(.tcp), .redirect(inboundPort)]),
      PacketRule(Chain.outboundRedirect, [.transport(.tcp), .redirect(settings.outboundPort)]),
    ]
  }

  private static func excluded(_ ports: [UInt16], in chain: String) -> [PacketRule] {
    ports.map { PacketRule(chain, [.transport(.tcp, destinationPorts: String($0)), .jump("RETURN")]) }
  }

  /// Ports as the match `multiport` takes them: at most 15 in a rule, of which a range takes two.
  private static func portLists(_ ports: [ClosedRange<UInt16>]) -> [String] {
    var lists: [[String]] = []
    var room = 0
    for range in ports {
      let size = range.count == 1 ? 1 : 2
      if room < size {
        lists.append([])
        room = 15
      }
      room -= size
      lists[lists.count - 1].append(text(range))
    }
    return lists.map { $0.joined(separator: ",") }
  }

  private static func text(_ range: ClosedRange<some BinaryInteger>) -> String {
    range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound):\(range.upperBound)"
  }
}
