/// Outgoing traffic of certain users that is not redirected.
package struct UserExclusion: Sendable, Hashable {
  /// A protocol of the transport layer.
  package enum Transport: String, Sendable, Hashable, CaseIterable {
    case tcp
    case udp
  }

  package var transport: Transport
  /// Destination ports.
  package var ports: [ClosedRange<UInt16>]
  /// Numbers of users.
  package var users: ClosedRange<UInt32>

  package init(transport: Transport, ports: [ClosedRange<UInt16>], users: ClosedRange<UInt32>) {
    self.transport = transport
    self.ports = ports
    self.users = users
  }

  /// Reads `PROTOCOL:PORTS:USERS`, `PORTS:USERS` or `USERS`. No protocol or `*` stands for both; no ports or `*` stands
  /// for all ports. Texts of errors: Kuma 2.7.
  package static func parse(_ text: String) throws(RedirectValueError) -> [UserExclusion] {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(\.trimmingSpaces)
    guard (1...3).contains(parts.count), let users = parts.last else {
      throw RedirectValueError(
        "value: '\(text)' is invalid - format for excluding ports by uids <protocol:>?<ports:>?uids")
    }
    guard users != "*" else { throw RedirectValueError("can't use wildcard '*' for uids") }
    var ports = parts.count > 1 ? parts[parts.count - 2] : "*"
    if ports == "*" || ports.isEmpty { ports = "1-65535" }
    let portRanges: [ClosedRange<UInt16>] = try ranges(ports, type: "uint16")
    guard !users.contains(",") else {
      throw RedirectValueError("uid entry invalid:'\(users)', it should either be a single item or a range")
    }
    let userRanges: [ClosedRange<UInt32>] = try ranges(users, type: "uint32")
    // The kernel has this number for "no user".
    guard userRanges.allSatisfy({ $0.upperBound < .max }) else {
      throw RedirectValueError("uid entry invalid:'\(users)', the highest uid is \(UInt32.max - 1)")
    }
    let transports = try transports(parts.count == 3 ? parts[0] : "*")
    return transports.flatMap { transport in
      userRanges.map { UserExclusion(transport: transport, ports: portRanges, users: $0) }
    }
  }

  private static func transports(_ text: String) throws(RedirectValueError) -> [Transport] {
    guard !text.isEmpty, text != "*" else { return Transport.allCases }
    var transports: [Transport] = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let name = item.trimmingSpaces.lowercased()
      guard let transport = Transport(rawValue: name) else {
        throw RedirectValueError("protocol '\(name)' is invalid or unsupported")
      }
      transports.append(transport)
    }
    return transports
  }

  private static func ranges<Number: FixedWidthInteger & UnsignedInteger>(
    _ text: String, type: String
  ) throws(RedirectValueError) -> [ClosedRange<Number>] {
    var ranges: [ClosedRange<Number>] = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = item.split(separator: "-", omittingEmptySubsequences: false).map(\.trimmingSpaces)
      var numbers: [Number] = []
      for end in ends {
        guard let number = Number(decimal: end) else {
          throw RedirectValueError(
            "values or range '\(text)' failed validation: value '\(end)', is not valid \(type)")
        }
        numbers.append(number)
      }
      guard numbers.count <= 2, let first = numbers.first, let last = numbers.last, first <= last else {
        throw RedirectValueError(
          "values or range '\(text)' failed validation: '\(item)' is not a range; write 1000-2000")
      }
      ranges.append(first...last)
    }
    return ranges
  }
}
