import Glibc
import MeshModel
import TransparentProxy

/// What is wrong with the flags of a redirection.
struct RedirectFlagError: Error {
  var description: String
}

extension InstallTransparentProxyCommand {
  /// What the flags say. The texts of errors are those of Kuma 2.7 where it has one.
  func redirection() throws(RedirectFlagError) -> (RedirectSettings, Set<IPFamily>) {
    var settings = RedirectSettings(user: try user())
    settings.inboundPort = try port(
      redirectInboundPort, "parsing inbound redirect port failed", "--redirect-inbound-port")
    settings.outboundPort = try port(
      redirectOutboundPort, "parsing outbound redirect port failed", "--redirect-outbound-port")
    settings.redirectsInbound = try truth(redirectInbound ?? "true")
    settings.excludedInboundPorts = try parsing("cannot parse inbound ports to exclude") {
      () throws(RedirectValueError) in try RedirectSettings.ports(excludeInboundPorts)
    }
    settings.excludedOutboundPorts = try parsing("cannot parse outbound ports to exclude") {
      () throws(RedirectValueError) in try RedirectSettings.ports(excludeOutboundPorts)
    }
    for text in exclusionTexts() {
      settings.exclusions += try parsing("parsing excluded outbound ports for uids failed") {
        () throws(RedirectValueError) in try UserExclusion.parse(text)
      }
    }
    var families: Set<IPFamily>
    switch ipFamilyMode {
    case "dualstack": families = [.ipv4, .ipv6]
    case "ipv4": families = [.ipv4]
    default:
      throw RedirectFlagError(
        description: "--ip-family-mode \(ipFamilyMode.quoted) is not valid; write dualstack or ipv4")
    }
    if let text = redirectInboundPortV6, !text.isEmpty {
      let port = try parsing("parsing inbound redirect port IPv6 failed") {
        () throws(RedirectValueError) in try RedirectSettings.port(text)
      }
      // 15010 was the port for IPv6 before both families had the same.
      if port == 0 { families.remove(.ipv6) } else if port != 15010 { settings.inboundPortIPv6 = port }
      if port != 15010, port != 15006 {
        Console.notice(
          "# [WARNING] flag --redirect-inbound-port-v6 is deprecated, use --redirect-inbound-port or "
            + "--ip-family-mode ipv4 instead")
      }
    }
    for port in [settings.inboundPort, settings.inboundPortIPv6] where port == settings.outboundPort {
      throw RedirectFlagError(
        description: "--redirect-inbound-port and --redirect-outbound-port must be two ports, not both "
          + "\(settings.outboundPort)")
    }
    return (settings, families)
  }

  /// The pause between two attempts. The other limits of attempts are checked too.
  func pauseBetweenAttempts() throws(RedirectFlagError) -> Duration {
    func check(_ flag: String, _ value: some BinaryInteger, upTo limit: Int, _ unit: String = "")
      throws(RedirectFlagError)
    {
      guard value < 0 || value > limit else { return }
      throw RedirectFlagError(description: "\(flag) \(value) is not valid; give a number from 0 to \(limit)\(unit)")
    }
    try check("--wait", wait, upTo: 3600, " (seconds)")
    // iptables takes less than a second.
    try check("--wait-interval", waitInterval, upTo: 999_999, " (microseconds)")
    try check("--max-retries", maxRetries, upTo: 1000)
    let text = sleepBetweenRetries
    if let pause = Duration(goText: text), pause <= .seconds(3600) { return pause }
    let fault =
      if text.hasPrefix("-"), Self.isDuration(text.dropFirst()) {
        "must not be negative"
      } else if Self.isDuration(text[...]) {
        "is too long; give at most 1h"
      } else {
        Duration.fault(ofText: text)
      }
    throw RedirectFlagError(description: "--sleep-between-retries \(text.quoted) \(fault)")
  }

  /// Whether text has the form of a duration, which may be too long for one.
  private static func isDuration(_ text: Substring) -> Bool {
    Duration(goText: String(text.map { ("0"..."9").contains($0) ? "0" : $0 })) != nil
  }

  private func exclusionTexts() -> [String] {
    var texts = excludeOutboundPortsForUids
    for (name, list) in [("tcp", excludeOutboundTcpPortsForUids), ("udp", excludeOutboundUdpPortsForUids)]
    where !list.isEmpty {
      Console.notice(
        "# [WARNING] flag --exclude-outbound-\(name)-ports-for-uids is deprecated use "
          + "--exclude-outbound-ports-for-uids instead")
      texts += list.map { "\(name):\($0)" }
    }
    return texts
  }

  private func user() throws(RedirectFlagError) -> UInt32 {
    let name = kumaDpUser.flatMap { $0.isEmpty ? nil : $0 }
    let uid = kumaDpUid.flatMap { $0.isEmpty ? nil : $0 }
    guard name != nil || uid != nil else {
      throw RedirectFlagError(description: "--kuma-dp-user or --kuma-dp-uid should be supplied")
    }
    let number = uid.flatMap { UInt32($0) }
    guard number != .max else {
      throw RedirectFlagError(description: "--kuma-dp-uid \(UInt32.max) is no uid; the highest is \(UInt32.max - 1)")
    }
    let named = name.flatMap { getpwnam($0)?.pointee.pw_uid }
    guard (uid == nil || number != nil) && (name == nil || named != nil), let user = number ?? named else {
      throw RedirectFlagError(
        description: "unable to find the kuma-dp user: --kuma-dp-user or --kuma-dp-uid should refer to a valid user on "
          + "the host")
    }
    if let number, let named, number != named {
      throw RedirectFlagError(
        description:
          "--kuma-dp-user \(name ?? "") has the uid \(named), but --kuma-dp-uid is \(number); give one of them")
    }
    return user
  }

  private func port(_ text: String, _ action: String, _ flag: String) throws(RedirectFlagError) -> UInt16 {
    let port = try parsing(action) { () throws(RedirectValueError) in try RedirectSettings.port(text) }
    guard port > 0 else { throw RedirectFlagError(description: "\(flag) must be between 1 and 65535") }
    return port
  }

  private func truth(_ text: String) throws(RedirectFlagError) -> Bool {
    guard let truth = Bool(goText: text) else {
      throw RedirectFlagError(description: "--redirect-inbound \(text.quoted) is not valid; write true or false")
    }
    return truth
  }

  private func parsing<Value>(
    _ action: String, _ parse: () throws(RedirectValueError) -> Value
  ) throws(RedirectFlagError) -> Value {
    do throws(RedirectValueError) {
      return try parse()
    } catch {
      throw RedirectFlagError(description: "failed to setup transparent proxy: \(action): \(error)")
    }
  }
}
