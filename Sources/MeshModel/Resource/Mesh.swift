public import OrderedCollections

/// A mesh: for tracing, the backends that its policies may name.
public struct Mesh: Sendable, Hashable {
  /// The tracing section.
  public var tracing: Tracing?
  /// Sections of other features (`mtls`, `metrics`, `logging`, `routing`, `networking`, `constraints`,
  /// `skipCreatingInitialPolicies`), kept as they were given and not interpreted.
  public var otherSections: DocumentValue.Object

  /// Makes a mesh.
  public init(tracing: Tracing? = nil, otherSections: DocumentValue.Object = [:]) {
    self.tracing = tracing
    self.otherSections = otherSections
  }

  /// `Mesh.tracing`.
  public struct Tracing: Sendable, Hashable {
    /// The backend of policies that name none; empty for none.
    public var defaultBackend: String
    /// The backends, in the order given.
    public var backends: [TracingBackend]

    /// Makes a tracing section.
    public init(defaultBackend: String = "", backends: [TracingBackend] = []) {
      self.defaultBackend = defaultBackend
      self.backends = backends
    }
  }

  /// The sections that belong to other features.
  static let otherSectionNames = [
    "mtls", "logging", "metrics", "networking", "routing", "constraints", "skipCreatingInitialPolicies",
    "meshServices",
  ]
}

/// A destination of spans.
public struct TracingBackend: Sendable, Hashable {
  /// The name by which policies refer to it.
  public var name: String
  /// The type as it was written; ``kind`` is what it means.
  public var type: String
  /// The share of requests that are traced, in percent. Absent leaves it to Envoy (all); 0 means none.
  public var sampling: Double?
  /// The settings as they were written, keys sorted; ``zipkin()`` and ``datadog()`` are what they mean.
  public var conf: DocumentValue.Object?

  /// Makes a backend.
  public init(name: String, type: String, sampling: Double? = nil, conf: DocumentValue.Object? = nil) {
    self.name = name
    self.type = type
    self.sampling = sampling
    self.conf = conf
  }

  /// Makes a Zipkin backend.
  public init(name: String, sampling: Double? = nil, zipkin: ZipkinConf) {
    self.init(name: name, type: Kind.zipkin.rawValue, sampling: sampling, conf: zipkin.document)
  }

  /// Makes a Datadog backend.
  public init(name: String, sampling: Double? = nil, datadog: DatadogConf) {
    self.init(name: name, type: Kind.datadog.rawValue, sampling: sampling, conf: datadog.document)
  }

  /// The types of backends; the spelling is exact.
  public enum Kind: String, Sendable, CaseIterable {
    /// A collector that takes Zipkin spans over HTTP.
    case zipkin
    /// A Datadog agent.
    case datadog
  }

  /// The type; `nil` when it is unknown.
  public var kind: Kind? { Kind(rawValue: type) }

  /// The settings of a Zipkin backend.
  ///
  /// - Throws: ``DocumentError`` when a setting has a value of the wrong kind.
  public func zipkin() throws(DocumentError) -> ZipkinConf { try ZipkinConf.read(conf ?? [:]).conf }

  /// The settings of a Datadog backend.
  ///
  /// - Throws: ``DocumentError`` when a setting has a value of the wrong kind.
  public func datadog() throws(DocumentError) -> DatadogConf { try DatadogConf.read(conf ?? [:]).conf }
}

/// The settings of a Zipkin backend.
public struct ZipkinConf: Sendable, Hashable {
  /// The collector's address, with an explicit port.
  public var url: String
  /// Whether new trace ids have 128 bits.
  public var traceId128bit: Bool
  /// `httpJson`, `httpProto`, `httpJsonV1`, ``automatic`` or empty.
  public var apiVersion: String
  /// Whether client and server share a span id; absent leaves it to Envoy (yes).
  public var sharedSpanContext: Bool?
  /// Which headers carry a trace from service to service: one of ``traceContextOptions``, or empty for Envoy's default (B3).
  public var traceContextOption = ""
  /// How the collector is verified, and who proxies say they are; `nil` for what Kuma does.
  public var tls: TLS?
  /// What proxies add to the head of each report.
  public var headers: [Header] = []

  /// The versions that Kuma 2.7 accepts, in the order in which it lists them.
  public static let apiVersions = ["httpJsonV1", "httpJson", "httpProto"]

  /// The version with which the control plane chooses how each proxy sends its spans. Kuma refuses it.
  public static let automatic = "auto"

  /// Whether the control plane chooses how each proxy sends its spans.
  public var isAutomatic: Bool { apiVersion == Self.automatic }

  /// The option with which proxies read `traceparent` where B3 is missing, and write both. Kuma does not have the key.
  /// Source: Envoy's `ZipkinConfig.trace_context_option`, whose names these are.
  public static let w3cTraceContext = "USE_B3_WITH_W3C_PROPAGATION"

  /// The values of `traceContextOption`.
  public static let traceContextOptions = ["USE_B3", w3cTraceContext]

  /// Whether proxies read and write `traceparent` beside B3.
  public var usesW3CTraceContext: Bool { traceContextOption == Self.w3cTraceContext }

  /// Makes settings.
  public init(url: String, traceId128bit: Bool = false, apiVersion: String = "", sharedSpanContext: Bool? = nil) {
    self.url = url
    self.traceId128bit = traceId128bit
    self.apiVersion = apiVersion
    self.sharedSpanContext = sharedSpanContext
  }

  static func read(_ object: DocumentValue.Object, path: String = "") throws(DocumentError)
    -> (conf: ZipkinConf, notices: [FieldNotice])
  {
    var reader = try ObjectReader(.object(object), path: path)
    var conf = ZipkinConf(
      url: try reader.string("url") ?? "", traceId128bit: try reader.bool("traceId128bit") ?? false,
      apiVersion: try reader.string("apiVersion") ?? "", sharedSpanContext: try reader.bool("sharedSpanContext"))
    conf.traceContextOption = try reader.string("traceContextOption") ?? ""
    var notices: [FieldNotice] = []
    if let value = reader.value("tls") {
      let (tls, unknown) = try TLS.read(value, path: reader.join("tls"))
      conf.tls = tls
      notices += unknown
    }
    for (item, path) in try reader.list("headers") {
      let (header, unknown) = try Header.read(item, path: path)
      conf.headers.append(header)
      notices += unknown
    }
    return (conf, reader.notices() + notices)
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if !apiVersion.isEmpty { object["apiVersion"] = .string(apiVersion) }
    if !headers.isEmpty { object["headers"] = .array(headers.map { .object($0.document) }) }
    if let sharedSpanContext { object["sharedSpanContext"] = .bool(sharedSpanContext) }
    if let tls { object["tls"] = .object(tls.document) }
    if !traceContextOption.isEmpty { object["traceContextOption"] = .string(traceContextOption) }
    if traceId128bit { object["traceId128bit"] = true }
    object["url"] = .string(url)
    return object
  }
}

/// The settings of a Datadog backend.
public struct DatadogConf: Sendable, Hashable {
  /// The agent's host name or address.
  public var address: String
  /// The agent's port.
  public var port: UInt32
  /// Whether inbound and outbound spans carry different service names.
  public var splitService: Bool

  /// Makes settings.
  public init(address: String, port: UInt32, splitService: Bool = false) {
    self.address = address
    self.port = port
    self.splitService = splitService
  }

  static func read(_ object: DocumentValue.Object, path: String = "") throws(DocumentError)
    -> (conf: DatadogConf, notices: [FieldNotice])
  {
    var reader = try ObjectReader(.object(object), path: path)
    let conf = DatadogConf(
      address: try reader.string("address") ?? "", port: try reader.unsigned("port") ?? 0,
      splitService: try reader.bool("splitService") ?? false)
    return (conf, reader.notices())
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = ["address": .string(address), "port": .integer(Int64(port))]
    if splitService { object["splitService"] = true }
    return object
  }
}

extension Mesh: ResourceContent {
  /// The kind of resource.
  public static var type: ResourceType { .mesh }
  /// The content as a specification.
  public var spec: ResourceSpec { .mesh(self) }

  /// Takes a mesh out of a specification.
  public static func extract(from spec: ResourceSpec) -> Mesh? {
    if case .mesh(let content) = spec { content } else { nil }
  }

  /// Reads a mesh.
  public static func read(_ document: DocumentValue) throws(DocumentError) -> (content: Mesh, notices: [FieldNotice]) {
    var reader = try ObjectReader(document, path: "")
    var mesh = Mesh()
    var notices: [FieldNotice] = []
    if let value = reader.value("tracing") {
      var tracing = try ObjectReader(value, path: "tracing")
      var section = Tracing(defaultBackend: try tracing.string("defaultBackend") ?? "")
      for (item, path) in try tracing.list("backends") {
        let (backend, unknown) = try TracingBackend.read(item, path: path)
        section.backends.append(backend)
        notices += unknown
      }
      mesh.tracing = section
      notices += tracing.notices()
    }
    for name in otherSectionNames {
      if let value = reader.value(name) { mesh.otherSections[name] = value }
    }
    return (mesh, reader.notices() + notices)
  }

  /// The mesh in document form.
  public var document: DocumentValue.Object {
    var object = otherSections
    guard let tracing else { return object }
    var section: DocumentValue.Object = [:]
    if !tracing.defaultBackend.isEmpty { section["defaultBackend"] = .string(tracing.defaultBackend) }
    if !tracing.backends.isEmpty { section["backends"] = .array(tracing.backends.map { .object($0.document) }) }
    object["tracing"] = .object(section)
    return object
  }
}

extension TracingBackend {
  static func read(_ value: DocumentValue, path: String) throws(DocumentError)
    -> (backend: TracingBackend, notices: [FieldNotice])
  {
    var reader = try ObjectReader(value, path: path)
    var backend = TracingBackend(
      name: try reader.string("name") ?? "", type: try reader.string("type") ?? "",
      sampling: try reader.number("sampling"))
    var notices: [FieldNotice] = []
    if let conf = reader.value("conf") {
      guard case .object(let object) = conf.sortedByKey() else {
        throw ObjectReader.wrongKind(conf, path: reader.join("conf"), expected: "an object")
      }
      backend.conf = object
      // A conf that cannot be read is a matter of validation, not of reading: the path there is Kuma's.
      switch backend.kind {
      case .zipkin: notices = (try? ZipkinConf.read(object, path: reader.join("conf")))?.notices ?? []
      case .datadog: notices = (try? DatadogConf.read(object, path: reader.join("conf")))?.notices ?? []
      case nil: break
      }
    }
    return (backend, reader.notices() + notices)
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = ["name": .string(name)]
    if name.isEmpty { object = [:] }
    if let sampling { object["sampling"] = DocumentValue(number: sampling) }
    if !type.isEmpty { object["type"] = .string(type) }
    if let conf { object["conf"] = .object(conf) }
    return object
  }
}
