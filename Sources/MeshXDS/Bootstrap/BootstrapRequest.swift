public import MeshModel
import OrderedCollections

/// The body of `POST /bootstrap`, by which a `kuma-dp` requests the configuration that its Envoy starts with. Source of
/// the fields: Kuma 1.1 to 2.7. Other fields are ignored.
public struct BootstrapRequest: Sendable, Hashable {
  /// The mesh of the proxy.
  public var mesh: String
  /// The proxy's name in its mesh.
  public var name: String
  /// `dataplane`, `ingress` or `egress`; empty for the first.
  public var proxyType: String
  /// The port for Envoy's administration interface; 0 for none, `nil` when the control plane chooses.
  public var adminPort: UInt32?
  /// The token that authenticates the proxy; empty for none.
  public var dataplaneToken: String
  /// The file with the token, on the proxy's machine; empty for none.
  public var dataplaneTokenPath: String
  /// The proxy's Dataplane in YAML or JSON, if the store does not have it yet; empty for none.
  public var dataplaneResource: String
  /// The certificate authority, in PEM, with which the proxy verifies the control plane; empty for none.
  public var caCert: String
  /// Values that the operator adds to the metadata of Envoy's node.
  public var dynamicMetadata: [String: String]
  /// The port of Envoy's DNS filter; 0 for none.
  public var dnsPort: UInt32
  /// The port of the empty DNS server; 0 for none.
  public var emptyDNSPort: UInt32
  /// The version of bootstrap asked for; empty for the control plane's choice. Source: Kuma 1.1.
  public var bootstrapVersion: String
  /// The names of the features that `kuma-dp` supports.
  public var features: [String]
  /// The folder of `kuma-dp`'s sockets; empty for none.
  public var workDirectory: String
  /// The versions of the programs.
  public var version: Version

  /// The versions of a proxy's programs; unknown ones are empty.
  public struct Version: Sendable, Hashable {
    /// The version of `kuma-dp`.
    public var kumaDp = ""
    /// The tag that `kuma-dp` was built from.
    public var gitTag = ""
    /// The commit that `kuma-dp` was built from.
    public var gitCommit = ""
    /// When `kuma-dp` was built.
    public var buildDate = ""
    /// The version of Envoy.
    public var envoy = ""
    /// Envoy's build information.
    public var envoyBuild = ""
    /// Whether `kuma-dp` considers this Envoy compatible; `nil` when it does not say.
    public var isCompatible: Bool?

    /// Makes unknown versions.
    public init() {}
  }

  /// Makes a request.
  public init(mesh: String, name: String) {
    self.mesh = mesh
    self.name = name
    proxyType = ""
    dataplaneToken = ""
    dataplaneTokenPath = ""
    dataplaneResource = ""
    caCert = ""
    dynamicMetadata = [:]
    dnsPort = 0
    emptyDNSPort = 0
    bootstrapVersion = ""
    features = []
    workDirectory = ""
    version = Version()
  }

  /// Parses a request from JSON.
  ///
  /// - Throws: ``DocumentError`` when the text is not a JSON object or a field has the wrong type.
  public init(json bytes: some Sequence<UInt8>) throws(DocumentError) {
    let document = try DocumentValue(json: bytes)
    guard case .object = document else {
      throw DocumentError(code: .wrongKind, message: "the request has to be an object, not \(document.kind)")
    }
    let fields = Fields(document)
    self.init(mesh: try fields.text("mesh"), name: try fields.text("name"))
    proxyType = try fields.text("proxyType")
    adminPort = try fields.port("adminPort")
    dataplaneToken = try fields.text("dataplaneToken")
    dataplaneTokenPath = try fields.text("dataplaneTokenPath")
    dataplaneResource = try fields.text("dataplaneResource")
    caCert = try fields.text("caCert")
    dnsPort = try fields.port("dnsPort") ?? 0
    emptyDNSPort = try fields.port("emptyDnsPort") ?? 0
    bootstrapVersion = try fields.text("bootstrapVersion")
    workDirectory = try fields.text("workdir")
    features = try fields.texts("features")
    dynamicMetadata = try fields.textMap("dynamicMetadata")
    let kumaDp = try fields.section("version").section("kumaDp")
    version.kumaDp = try kumaDp.text("version")
    version.gitTag = try kumaDp.text("gitTag")
    version.gitCommit = try kumaDp.text("gitCommit")
    version.buildDate = try kumaDp.text("buildDate")
    let envoy = try fields.section("version").section("envoy")
    version.envoy = try envoy.text("version")
    version.envoyBuild = try envoy.text("build")
    version.isCompatible = try envoy.truth("kumaDpCompatible")
  }
}

/// Reads fields by type; `null` counts as absent.
private struct Fields {
  private let value: DocumentValue
  private let path: String

  init(_ value: DocumentValue, path: String = "") {
    self.value = value
    self.path = path
  }

  private func field(_ name: String) -> DocumentValue? {
    if let field = value[name], field != .null { field } else { nil }
  }

  private func wrongKind(_ name: String, _ value: DocumentValue, _ expected: String) -> DocumentError {
    DocumentError(code: .wrongKind, message: "\(path)\(name) has to be \(expected), not \(value.kind)")
  }

  func section(_ name: String) throws(DocumentError) -> Fields {
    let section = field(name) ?? [:]
    guard case .object = section else { throw wrongKind(name, section, "an object") }
    return Fields(section, path: "\(path)\(name).")
  }

  func text(_ name: String) throws(DocumentError) -> String {
    guard let field = field(name) else { return "" }
    guard let text = field.string else { throw wrongKind(name, field, "text") }
    return text
  }

  func truth(_ name: String) throws(DocumentError) -> Bool? {
    guard let field = field(name) else { return nil }
    guard let truth = field.bool else { throw wrongKind(name, field, "true or false") }
    return truth
  }

  func port(_ name: String) throws(DocumentError) -> UInt32? {
    guard let field = field(name) else { return nil }
    guard let number = field.number, let port = UInt16(exactly: number) else {
      throw wrongKind(name, field, "a port")
    }
    return UInt32(port)
  }

  func texts(_ name: String) throws(DocumentError) -> [String] {
    guard let field = field(name) else { return [] }
    guard let items = field.array else { throw wrongKind(name, field, "a list") }
    return items.compactMap(\.string)
  }

  func textMap(_ name: String) throws(DocumentError) -> [String: String] {
    guard let field = field(name) else { return [:] }
    guard let object = field.object else { throw wrongKind(name, field, "an object") }
    var map: [String: String] = [:]
    for (key, item) in object {
      guard let text = item.string else { throw wrongKind("\(name).\(key)", item, "text") }
      map[key] = text
    }
    return map
  }
}
