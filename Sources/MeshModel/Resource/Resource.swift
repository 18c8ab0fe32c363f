public import OrderedCollections

/// The identity of a resource.
public struct ResourceKey: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The kind of resource.
  public var type: ResourceType
  /// The mesh; empty for resources that belong to none.
  public var mesh: String
  /// The name, unique in its type and mesh.
  public var name: String

  /// Names a resource.
  public init(type: ResourceType, mesh: String = "", name: String) {
    self.type = type
    self.mesh = type.isMeshScoped ? mesh : ""
    self.name = name
  }

  /// The mesh that the resource belongs to or is.
  public var owningMesh: String { type == .mesh ? name : mesh }

  /// By type, then mesh, then name.
  public static func < (a: ResourceKey, b: ResourceKey) -> Bool {
    (a.type.rawValue, a.mesh, a.name) < (b.type.rawValue, b.mesh, b.name)
  }

  /// Type, mesh and name for logs.
  public var description: String {
    mesh.isEmpty ? "\(type.rawValue) \(name)" : "\(type.rawValue) \(mesh)/\(name)"
  }
}

/// What a resource says, without its identity.
public enum ResourceSpec: Sendable, Hashable {
  /// A mesh.
  case mesh(Mesh)
  /// A tracing policy.
  case trafficTrace(TrafficTrace)
  /// A proxy.
  case dataplane(Dataplane)
  /// The state of a proxy.
  case dataplaneInsight(DataplaneInsight)
  /// What is kept secret of a mesh.
  case secret(Secret)
  /// What is kept secret of the control plane.
  case globalSecret(GlobalSecret)

  /// The kind of resource.
  public var type: ResourceType {
    switch self {
    case .mesh: .mesh
    case .trafficTrace: .trafficTrace
    case .dataplane: .dataplane
    case .dataplaneInsight: .dataplaneInsight
    case .secret: .secret
    case .globalSecret: .globalSecret
    }
  }
}

/// A resource: identity, times, labels and specification.
public struct Resource: Sendable, Hashable {
  /// The identity.
  public var key: ResourceKey
  /// When it was created, by the store's clock; `nil` before it is stored.
  public var creationTime: Timestamp?
  /// When it was last written, by the store's clock; `nil` before it is stored.
  public var modificationTime: Timestamp?
  /// Labels such as `kuma.io/origin`.
  public var labels: [String: String]
  /// What it says. Its type is the key's type.
  public var spec: ResourceSpec
  /// The store's count of writes to the resource, for conditional writes; 0 before it is stored.
  public var revision: UInt64

  /// Makes a resource.
  public init(
    mesh: String = "", name: String, spec: ResourceSpec, labels: [String: String] = [:],
    creationTime: Timestamp? = nil, modificationTime: Timestamp? = nil, revision: UInt64 = 0
  ) {
    self.revision = revision
    self.key = ResourceKey(type: spec.type, mesh: mesh, name: name)
    self.creationTime = creationTime
    self.modificationTime = modificationTime
    self.labels = labels
    self.spec = spec
  }

  /// The kind of resource.
  public var type: ResourceType { key.type }
  /// The mesh; empty for resources that belong to none.
  public var mesh: String { key.mesh }
  /// The name.
  public var name: String { key.name }
}

/// A specification that the resource enumeration carries, so that typed access needs no switch at the place of use.
public protocol ResourceContent: Sendable, Hashable {
  /// The kind of resource that carries this content.
  static var type: ResourceType { get }
  /// Takes the content out of a specification; `nil` when it is of another type.
  static func extract(from spec: ResourceSpec) -> Self?
  /// Reads the specification from its document form, without the keys of identity.
  ///
  /// - Returns: the content and a notice for each unknown field.
  /// - Throws: ``DocumentError`` when a field has a value of the wrong kind.
  static func read(_ document: DocumentValue) throws(DocumentError) -> (content: Self, notices: [FieldNotice])
  /// The specification in document form; an empty object when it says nothing.
  var document: DocumentValue.Object { get }
  /// The content as a specification.
  var spec: ResourceSpec { get }
}

extension Resource {
  /// The content as a type; `nil` when the resource is of another type.
  public func content<Content: ResourceContent>(_ type: Content.Type = Content.self) -> Content? {
    Content.extract(from: spec)
  }
}

extension ResourceSpec {
  /// Reads the specification of a type from its document form, without the keys of identity.
  ///
  /// - Throws: ``DocumentError`` when a field has a value of the wrong kind.
  public init(_ type: ResourceType, document: DocumentValue) throws(DocumentError) {
    self = try Self.read(type, document).spec
  }

  static func read(_ type: ResourceType, _ document: DocumentValue) throws(DocumentError)
    -> (spec: ResourceSpec, notices: [FieldNotice])
  {
    func read<Content: ResourceContent>(_: Content.Type) throws(DocumentError) -> (ResourceSpec, [FieldNotice]) {
      let (content, notices) = try Content.read(document)
      return (content.spec, notices)
    }
    switch type {
    case .mesh: return try read(Mesh.self)
    case .trafficTrace: return try read(TrafficTrace.self)
    case .dataplane: return try read(Dataplane.self)
    case .dataplaneInsight: return try read(DataplaneInsight.self)
    case .secret: return try read(Secret.self)
    case .globalSecret: return try read(GlobalSecret.self)
    }
  }

  /// The specification in document form.
  public var document: DocumentValue { .object(content.document) }

  /// The content behind the specification.
  public var content: any ResourceContent {
    switch self {
    case .mesh(let content): content
    case .trafficTrace(let content): content
    case .dataplane(let content): content
    case .dataplaneInsight(let content): content
    case .secret(let content): content
    case .globalSecret(let content): content
    }
  }
}
