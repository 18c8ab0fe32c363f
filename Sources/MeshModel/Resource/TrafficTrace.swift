public import OrderedCollections

/// A policy: which proxies are traced, and to which backend.
public struct TrafficTrace: Sendable, Hashable {
  /// The selectors; the policy applies to a proxy that any of them matches.
  public var selectors: [Selector]
  /// The backend's name; empty for the mesh's default.
  public var backend: String
  /// Whether the `conf` key was there, so that it is shown again.
  public var hasConf: Bool

  /// Tags that an inbound must have; the value `*` stands for any value.
  public struct Selector: Sendable, Hashable {
    /// Tag names and values.
    public var match: [String: String]

    /// Makes a selector.
    public init(match: [String: String]) { self.match = match }
  }

  /// The value that stands for any value.
  public static let wildcard = "*"

  /// Makes a policy.
  public init(selectors: [Selector], backend: String = "") {
    self.selectors = selectors
    self.backend = backend
    self.hasConf = !backend.isEmpty
  }
}

extension TrafficTrace: ResourceContent {
  /// The kind of resource.
  public static var type: ResourceType { .trafficTrace }
  /// The content as a specification.
  public var spec: ResourceSpec { .trafficTrace(self) }

  /// Takes a policy out of a specification.
  public static func extract(from spec: ResourceSpec) -> TrafficTrace? {
    if case .trafficTrace(let content) = spec { content } else { nil }
  }

  /// Reads a policy.
  public static func read(_ document: DocumentValue) throws(DocumentError)
    -> (content: TrafficTrace, notices: [FieldNotice])
  {
    var reader = try ObjectReader(document, path: "")
    var policy = TrafficTrace(selectors: [])
    var notices: [FieldNotice] = []
    for (item, path) in try reader.list("selectors") {
      var selector = try ObjectReader(item, path: path)
      policy.selectors.append(Selector(match: try selector.stringMap("match") ?? [:]))
      notices += selector.notices()
    }
    if let value = reader.value("conf") {
      var conf = try ObjectReader(value, path: "conf")
      policy.backend = try conf.string("backend") ?? ""
      policy.hasConf = true
      notices += conf.notices()
    }
    return (policy, reader.notices() + notices)
  }

  /// The policy in document form.
  public var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if !selectors.isEmpty {
      object["selectors"] = .array(selectors.map { ["match": .tags($0.match)] })
    }
    if hasConf || !backend.isEmpty {
      object["conf"] = backend.isEmpty ? [:] : ["backend": .string(backend)]
    }
    return object
  }
}

extension DocumentValue {
  /// Tags or labels as an object, sorted by name.
  public static func tags(_ tags: [String: String]) -> DocumentValue {
    .object(Object(uniqueKeysWithValues: tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
  }

  /// The tags or labels that this object holds; `nil` when it is no object or holds anything but text.
  public var tags: [String: String]? {
    guard case .object(let object) = self else { return nil }
    var tags: [String: String] = [:]
    for (name, value) in object {
      guard case .string(let text) = value else { return nil }
      tags[name] = text
    }
    return tags
  }
}
