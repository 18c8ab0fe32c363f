import OrderedCollections

/// How a Zipkin backend's collector is verified, who proxies say they are, and what they send along. Kuma has none of this.
extension ZipkinConf {
  /// `conf.tls`
  public struct TLS: Sendable, Hashable {
    /// ``none``, ``system`` or empty, which means none unless ``caCert`` is given.
    public var verify: String
    /// The authority that has to have signed the collector's certificate.
    public var caCert: PEMSource?
    /// The certificate that proxies show.
    public var clientCert: PEMSource?
    /// The key of that certificate; always a Secret, so that no mesh contains a key.
    public var clientKey: PEMSource?
    /// The name or address that the collector's certificate has to have; empty for the host in the URL.
    public var serverName: String

    /// The certificate is not verified.
    public static let none = "none"
    /// The certificate is verified by the authorities that the proxy's system trusts.
    public static let system = "system"

    /// Makes settings.
    public init(
      verify: String = "", caCert: PEMSource? = nil, clientCert: PEMSource? = nil, clientKey: PEMSource? = nil,
      serverName: String = ""
    ) {
      self.verify = verify
      self.caCert = caCert
      self.clientCert = clientCert
      self.clientKey = clientKey
      self.serverName = serverName
    }

    /// Whether the collector's certificate is verified.
    public var isVerifying: Bool { verify == Self.system || caCert != nil }
  }

  /// Where text in PEM form stands. Source of the names: Kuma 2.7's data sources.
  public enum PEMSource: Sendable, Hashable {
    /// In the document.
    case inlineString(String)
    /// In a Secret of the mesh.
    case secret(String)
    /// Nowhere, or in several places; validation refuses it.
    case unclear

    /// The Secret; `nil` for other places.
    public var secretName: String? { if case .secret(let name) = self { name } else { nil } }
  }

  /// An item of `conf.headers`: a field that proxies add to the head of each report.
  public struct Header: Sendable, Hashable {
    /// The field's name.
    public var name: String
    /// The field's value.
    public var value: Value

    /// Makes a field.
    public init(name: String, value: Value) {
      self.name = name
      self.value = value
    }

    /// Where a field's value stands.
    public enum Value: Sendable, Hashable {
      /// In the document.
      case text(String)
      /// In a Secret of the mesh.
      case secret(String)
    }
  }

  /// The Secrets of the mesh that the settings name.
  public var secretNames: Set<String> {
    var names: Set<String> = []
    for source in [tls?.caCert, tls?.clientCert, tls?.clientKey] {
      if let name = source?.secretName { names.insert(name) }
    }
    for header in headers {
      if case .secret(let name) = header.value { names.insert(name) }
    }
    return names
  }
}

extension ZipkinConf.TLS {
  static func read(_ value: DocumentValue, path: String) throws(DocumentError)
    -> (tls: ZipkinConf.TLS, notices: [FieldNotice])
  {
    var reader = try ObjectReader(value, path: path)
    var tls = ZipkinConf.TLS(
      verify: try reader.string("verify") ?? "", serverName: try reader.string("serverName") ?? "")
    var notices: [FieldNotice] = []
    for (name, field) in [("caCert", \Self.caCert), ("clientCert", \.clientCert), ("clientKey", \.clientKey)] {
      guard let value = reader.value(name) else { continue }
      let (source, unknown) = try ZipkinConf.PEMSource.read(value, path: reader.join(name))
      tls[keyPath: field] = source
      notices += unknown
    }
    return (tls, reader.notices() + notices)
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    for (name, source) in [("caCert", caCert), ("clientCert", clientCert), ("clientKey", clientKey)] {
      if let source { object[name] = .object(source.document) }
    }
    if !serverName.isEmpty { object["serverName"] = .string(serverName) }
    if !verify.isEmpty { object["verify"] = .string(verify) }
    return object
  }
}

extension ZipkinConf.PEMSource {
  static func read(_ value: DocumentValue, path: String) throws(DocumentError)
    -> (source: ZipkinConf.PEMSource, notices: [FieldNotice])
  {
    var reader = try ObjectReader(value, path: path)
    let source: ZipkinConf.PEMSource
    switch (try reader.string("inlineString"), try reader.string("secret")) {
    case (let text?, nil): source = .inlineString(text)
    case (nil, let name?): source = .secret(name)
    default: source = .unclear
    }
    return (source, reader.notices())
  }

  var document: DocumentValue.Object {
    switch self {
    case .inlineString(let text): ["inlineString": .string(text)]
    case .secret(let name): ["secret": .string(name)]
    case .unclear: [:]
    }
  }
}

extension ZipkinConf.Header {
  static func read(_ value: DocumentValue, path: String) throws(DocumentError)
    -> (header: ZipkinConf.Header, notices: [FieldNotice])
  {
    var reader = try ObjectReader(value, path: path)
    let name = try reader.string("name") ?? ""
    guard let value = reader.value("value"), case .object = value else {
      return (ZipkinConf.Header(name: name, value: .text(try reader.string("value") ?? "")), reader.notices())
    }
    var source = try ObjectReader(value, path: reader.join("value"))
    let header = ZipkinConf.Header(name: name, value: .secret(try source.string("secret") ?? ""))
    return (header, reader.notices() + source.notices())
  }

  var document: DocumentValue.Object {
    switch value {
    case .text(let text): ["name": .string(name), "value": .string(text)]
    case .secret(let secret): ["name": .string(name), "value": ["secret": .string(secret)]]
    }
  }
}
