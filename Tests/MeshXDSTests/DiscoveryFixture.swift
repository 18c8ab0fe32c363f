import EnvoyAPI
import Foundation
import MeshXDS

/// Short names for the types in tests.
enum Kind: String, CaseIterable {
  case rtds, cds, eds, lds, rds

  var typeURL: String {
    switch self {
    case .rtds: ResourceTypeURL.runtime
    case .cds: ResourceTypeURL.cluster
    case .eds: ResourceTypeURL.endpoints
    case .lds: ResourceTypeURL.listener
    case .rds: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
    }
  }

  init?(typeURL: String) {
    guard let kind = Kind.allCases.first(where: { $0.typeURL == typeURL }) else { return nil }
    self = kind
  }
}

extension EncodedResource {
  /// A resource whose encoding is a text.
  static func text(_ kind: Kind, _ name: String, _ content: String) -> EncodedResource {
    EncodedResource(name: name, typeURL: kind.typeURL, bytes: Data(content.utf8))
  }

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension ResourceSet {
  /// Resources from words `name` or `name=content`.
  static func words(_ kind: Kind, _ words: String) -> ResourceSet {
    ResourceSet(
      words.split(separator: " ").map { word in
        let parts = word.split(separator: "=", maxSplits: 1)
        return .text(kind, String(parts[0]), parts.count > 1 ? String(parts[1]) : "1")
      })
  }
}

extension ProxySnapshot {
  /// A snapshot from words.
  static func words(
    cds: String = "", eds: String = "", lds: String = "", reporting: SpanReporting = .untraced
  ) -> ProxySnapshot {
    ProxySnapshot(
      clusters: .words(.cds, cds), endpoints: .words(.eds, eds), listeners: .words(.lds, lds), reporting: reporting)
  }
}
