/// What tags of a span say about its sender.
package struct SenderTraits: OptionSet, Sendable, Hashable {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// A proxy reported the span.
  package static let proxy = Self(rawValue: 1)
  /// The span had a W3C trace state, which only `tracestate` brings.
  package static let traceState = Self(rawValue: 1 << 1)
  /// An SDK of OpenTelemetry made the span.
  package static let openTelemetry = Self(rawValue: 1 << 2)
  /// A client library of Jaeger's made the span. They are deprecated since 2022 in favour of OpenTelemetry's.
  package static let jaegerClient = Self(rawValue: 1 << 3)
  /// OpenCensus made the span. It ended in 2023 in favour of OpenTelemetry.
  package static let openCensus = Self(rawValue: 1 << 4)
  /// An SDK of OpenTelemetry before 1.10 made the span, which still names its scope a library.
  package static let oldLibraryName = Self(rawValue: 1 << 5)
}

/// The tags by which a sender is known.
package enum SenderTags {
  static let instance = "service.instance.id"
  /// ``TextHash`` of the tag that distinguishes the instances of a service.
  package static let instanceKey = TextHash.hash(instance)

  /// What the presence of a tag says.
  private static let names: [String: SenderTraits] = [
    "w3c.tracestate": .traceState, "otel.scope.name": .openTelemetry, "telemetry.sdk.language": .openTelemetry,
    "jaeger.version": .jaegerClient, "opencensus.exporterversion": .openCensus, "otel.library.name": .oldLibraryName,
  ]
  /// What the presence of a tag says, by the ``TextHash`` of its key.
  package static let traits = Dictionary(uniqueKeysWithValues: names.map { (TextHash.hash($0.key), $0.value) })

  /// A bit for the low six bits of each hash, so that most other tags need no comparison.
  package static let mask: UInt64 = {
    let keys = [PeerService.nodeKey, PeerService.clusterKey, PeerService.componentKey, instanceKey] + traits.keys
    return keys.reduce(0) { $0 | 1 << ($1 & 63) }
  }()

  static func trait(of key: String) -> SenderTraits? { names[key] }
}

/// The sender that a span names.
package struct SpanOrigin: Sendable, Hashable {
  /// The reporting service; empty if unknown.
  package var service: String
  /// The id of the Envoy's node; nil if there is none.
  package var node: String?
  /// What distinguishes the instance: its `service.instance.id`, or else its address; empty if unknown.
  package var instance: String
  /// The cluster to which a proxy sent the request.
  package var cluster: String?
  /// What the tags say about the sender.
  package var traits: SenderTraits = []

  /// Whether a proxy reported the span.
  package var isProxy: Bool { traits.contains(.proxy) }

  /// The sender of a span.
  package init(_ span: Span) {
    self.init(
      service: span.serviceName,
      address: span.localEndpoint.map { $0.ipv4.isEmpty ? $0.ipv6 : $0.ipv4 } ?? "", tags: span.tags)
  }

  /// The sender of a span of which only some fields are known.
  package init(service: String, address: String = "", tags: [Span.Tag]) {
    (self.service, instance) = (service, address)
    for tag in tags { add(tag.key) { tag.value } }
  }

  /// Adds what a tag says of the sender. The value of most tags is not asked for.
  package mutating func add(_ key: String, _ value: () -> String) {
    switch key {
    case PeerService.nodeTag: (node, traits) = (value(), traits.union(.proxy))
    case PeerService.clusterTag: (cluster, traits) = (value(), traits.union(.proxy))
    case PeerService.componentTag: if value() == "proxy" { traits.insert(.proxy) }
    case SenderTags.instance: instance = value()
    default: if let trait = SenderTags.trait(of: key) { traits.insert(trait) }
    }
  }

  /// The Envoy with a node id.
  package init(node: String) {
    (service, instance, self.node, traits) = ("", "", node, .proxy)
  }

  /// The sender of a span that is being read, which may not have all of its fields.
  ///
  /// - Parameter text: reads one of its texts.
  package init(_ span: SpanDraft, _ text: (TextSlice) -> String) {
    let endpoint = span.localEndpoint ?? EndpointDraft()
    service = text(endpoint.serviceName)
    instance = text(endpoint.ipv4.isEmpty ? endpoint.ipv6 : endpoint.ipv4)
    for tag in span.tags where SenderTags.mask >> (tag.keyHash & 63) & 1 == 1 { add(text(tag.key)) { text(tag.value) } }
  }

  /// Identifies the sender, however its spans come.
  package var key: UInt64 {
    if let node { return Self.key(node: TextHash.hash(node)) }
    return Self.key(service: TextHash.hash(service), instance: TextHash.hash(instance), isProxy: isProxy)
  }

  /// ``key`` of an Envoy.
  ///
  /// - Parameter node: ``TextHash`` of the id of its node.
  package static func key(node: UInt64) -> UInt64 {
    TextHash.fold(node ^ 0x6b79_1d0f_52a3_c4e9, 0x9fb2_1c65_1e98_df25)
  }

  /// ``key`` of another sender, of the ``TextHash`` of its texts.
  package static func key(service: UInt64, instance: UInt64, isProxy: Bool) -> UInt64 {
    TextHash.fold(service ^ (isProxy ? 0x243f_6a88_85a3_08d3 : 0), instance | 1)
  }
}
