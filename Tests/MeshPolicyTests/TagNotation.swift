import MeshModel

/// Tags as the tables of these tests write them: `service=web version=*`. Kuma's own tags may lack their prefix.
func tags(_ text: String) -> [String: String] {
  var tags: [String: String] = [:]
  for part in text.split(separator: " ") {
    let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
    let name = ["service", "protocol", "zone"].contains(pair[0]) ? "kuma.io/\(pair[0])" : pair[0]
    tags[name] = pair.count > 1 ? pair[1] : ""
  }
  return tags
}

extension TrafficTrace {
  /// A policy with a selector for each text.
  init(_ selectors: [String], backend: String = "") {
    self.init(selectors: selectors.map { Selector(match: tags($0)) }, backend: backend)
  }
}

extension Dataplane {
  /// A proxy with an inbound for each text, ports from 80 on.
  init(inbounds: [String], address: String = "10.0.0.1", outbounds: [String] = []) {
    self.init(
      networking: Networking(
        address: address,
        inbound: inbounds.enumerated().map { Inbound(port: UInt32(80 + $0.offset), tags: tags($0.element)) },
        outbound: outbounds.enumerated().map {
          Outbound(port: UInt32(10_001 + $0.offset), tags: [TagName.service: $0.element])
        }))
  }

  /// A delegated gateway.
  init(gateway: String) {
    self.init(networking: Networking(address: "10.0.0.1", gateway: Gateway(tags: tags(gateway))))
  }
}
