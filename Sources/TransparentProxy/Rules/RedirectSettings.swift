/// A family of addresses. Each has its own programs and its own tables.
package enum IPFamily: Sendable, Hashable, CaseIterable {
  case ipv4
  case ipv6

  /// The name of its program, which all its programs begin with.
  package var program: String { self == .ipv4 ? "iptables" : "ip6tables" }

  /// How a text names it: `IPv4`.
  package var name: String { self == .ipv4 ? "IPv4" : "IPv6" }
}

/// What is redirected to a proxy, and what is not.
package struct RedirectSettings: Sendable, Hashable {
  /// The user that the proxy runs as. Its own connections go straight out.
  package var user: UInt32
  /// The port on which the proxy takes outgoing connections.
  package var outboundPort: UInt16
  /// Whether incoming connections are redirected; not so for gateways.
  package var redirectsInbound: Bool
  /// The port on which the proxy takes incoming connections.
  package var inboundPort: UInt16
  /// That port for IPv6, if it is another one.
  package var inboundPortIPv6: UInt16?
  /// Destination ports of incoming connections that are left alone.
  package var excludedInboundPorts: [UInt16]
  /// Destination ports of outgoing connections that are left alone.
  package var excludedOutboundPorts: [UInt16]
  /// Outgoing connections of certain users that are left alone.
  package var exclusions: [UserExclusion]
  /// The name of the loopback interface.
  package var loopback: String

  package init(
    user: UInt32, outboundPort: UInt16 = 15001, redirectsInbound: Bool = true, inboundPort: UInt16 = 15006,
    inboundPortIPv6: UInt16? = nil, excludedInboundPorts: [UInt16] = [], excludedOutboundPorts: [UInt16] = [],
    exclusions: [UserExclusion] = [], loopback: String = "lo"
  ) {
    self.user = user
    self.outboundPort = outboundPort
    self.redirectsInbound = redirectsInbound
    self.inboundPort = inboundPort
    self.inboundPortIPv6 = inboundPortIPv6
    self.excludedInboundPorts = excludedInboundPorts
    self.excludedOutboundPorts = excludedOutboundPorts
    self.exclusions = exclusions
    self.loopback = loopback
  }
}

/// Why a value of a setting is not valid. The messages are those of Kuma 2.7 where it has one.
package struct RedirectValueError: Error, Hashable, CustomStringConvertible {
  /// What is wrong, in a sentence without a full stop.
  package let description: String

  init(_ description: String) { self.description = description }
}

extension RedirectSettings {
  /// Reads a port.
  package static func port(_ text: some StringProtocol) throws(RedirectValueError) -> UInt16 {
    guard let port = UInt16(decimal: text) else { throw RedirectValueError("value '\(text)', is not valid uint16") }
    return port
  }

  /// Reads ports separated by commas; an empty text stands for none.
  package static func ports(_ text: String) throws(RedirectValueError) -> [UInt16] {
    var ports: [UInt16] = []
    for item in text.trimmingSpaces.split(separator: ",", omittingEmptySubsequences: false) where !text.isEmpty {
      if text.trimmingSpaces.isEmpty { break }
      ports.append(try port(item.trimmingSpaces))
    }
    return ports
  }
}

extension StringProtocol {
  /// The text without spaces at its ends.
  var trimmingSpaces: String {
    var text = self[...]
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return String(text)
  }
}

extension FixedWidthInteger {
  /// Reads a number that consists of digits only: the standard initializer also takes a sign.
  init?(decimal text: some StringProtocol) {
    guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
      return nil
    }
    self.init(text, radix: 10)
  }
}
