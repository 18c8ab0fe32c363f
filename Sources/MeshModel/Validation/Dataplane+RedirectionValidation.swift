extension Dataplane.TransparentProxying {
  /// Checks the ports.
  func check(at path: FieldPath, into violations: inout [Violation]) {
    let ports = [
      ("redirectPortInbound", redirectPortInbound), ("redirectPortInboundV6", redirectPortInboundV6),
      ("redirectPortOutbound", redirectPortOutbound),
    ]
    for (name, port) in ports where port > 65_535 { violations.add(path.field(name), PortRules.message) }
  }
}

extension Dataplane.Probes {
  /// Checks ports and paths. Source: Kuma 2.7.
  func check(at path: FieldPath, into violations: inout [Violation]) {
    func check(_ port: UInt32, _ path: FieldPath) {
      if !(1...65_535).contains(port) { violations.add(path, PortRules.message) }
    }
    check(port, path.field("port"))
    for (index, endpoint) in endpoints.enumerated() {
      let path = path.field("endpoints").index(index)
      check(endpoint.inboundPort, path.field("inboundPort"))
      for (name, text) in [("inboundPath", endpoint.inboundPath), ("path", endpoint.path)]
      where !Self.isPath(text) { violations.add(path.field(name), "should be a valid URL Path") }
    }
  }

  /// Whether text can be the target of a request: it begins with a slash, has no control characters, and its percent signs
  /// begin escapes.
  private static func isPath(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.first == UInt8(ascii: "/") else { return false }
    func isHexadecimal(_ index: Int) -> Bool {
      bytes.indices.contains(index) && Character(UnicodeScalar(bytes[index])).isHexDigit
    }
    return bytes.indices.allSatisfy { index in
      switch bytes[index] {
      case 0..<0x20, 0x7F: false
      case UInt8(ascii: "%"): isHexadecimal(index + 1) && isHexadecimal(index + 2)
      default: true
      }
    }
  }
}
