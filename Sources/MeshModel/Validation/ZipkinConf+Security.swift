extension ZipkinConf {
  /// Fields that a report has already, or that belong to a connection (RFC 9110, section 7.6.1).
  private static let fixedHeaders: Set<String> = [
    "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "keep-alive", "te",
    "trailer", "upgrade", "expect", "proxy-connection",
  ]
  /// How many fields a backend may add.
  private static let headerLimit = 16
  /// How long a field's value may be, in bytes.
  package static let headerValueLimit = 8 << 10
  /// How long text in PEM form may be, in bytes.
  package static let pemLimit = 64 << 10

  /// The violations of `tls` and `headers`.
  func checkSecurity(at path: FieldPath, into violations: inout [Violation]) {
    tls?.check(at: path.field("tls"), url: url, into: &violations)
    let list = path.field("headers")
    if headers.count > Self.headerLimit { violations.add(list, "cannot have more than \(Self.headerLimit) items") }
    var names: Set<String> = []
    for (index, header) in headers.prefix(Self.headerLimit).enumerated() {
      let item = list.index(index)
      let name = header.name.lowercased()
      if !Self.isFieldName(name) {
        violations.add(item.field("name"), "has to be the name of a field of HTTP, such as x-api-key")
      } else if Self.fixedHeaders.contains(name) || name.hasPrefix("x-envoy-") {
        violations.add(item.field("name"), "\(name.quoted) is set by the proxy itself; choose another field")
      } else if !names.insert(name).inserted {
        violations.add(item.field("name"), "\(name.quoted) is already used for another header")
      }
      let value = item.field("value")
      switch header.value {
      case .text(let text):
        if text.isEmpty {
          violations.add(value, "cannot be empty; give text, or a Secret of the mesh as value: {secret: NAME}")
        } else if !Self.isFieldValue(text) {
          violations.add(
            value, "has to be at most \(Self.headerValueLimit) bytes of printable text without a line break")
        }
      case .secret(let secret): Self.check(secret: secret, at: value, into: &violations)
      }
    }
  }

  fileprivate static func check(secret: String, at path: FieldPath, into violations: inout [Violation]) {
    let field = path.field("secret")
    violations += NameRules.violations(ofNewName: secret, field: field.description)
    if ReservedSecrets.contains(secret) {
      violations.add(field, "cannot be a Secret of the control plane itself; make one for this collector")
    }
  }

  /// Whether text is the name of a field (RFC 9110, section 5.1).
  private static func isFieldName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 256
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  /// Whether text can be the value of a field: no control characters, and no space at its ends.
  package static func isFieldValue(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= headerValueLimit && text.utf8.first != 0x20 && text.utf8.last != 0x20
      && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
  }
}

extension ZipkinConf.TLS {
  fileprivate func check(at path: FieldPath, url: String, into violations: inout [Violation]) {
    if let url = try? CollectorURL(url), !url.isTLS {
      violations.add(path, "needs a url that begins with https://")
    }
    if !verify.isEmpty, verify != Self.none, verify != Self.system {
      violations.add(path.field("verify"), "has invalid value. Allowed values: \(Self.none), \(Self.system)")
    }
    if caCert != nil, verify == Self.none {
      violations.add(path.field("verify"), "cannot be none where caCert is given; remove one of the two")
    }
    if caCert != nil, verify == Self.system {
      violations.add(path.field("caCert"), "cannot be given with verify: system; remove one of the two")
    }
    caCert?.check(at: path.field("caCert"), into: &violations)
    clientCert?.check(at: path.field("clientCert"), into: &violations)
    if let clientKey {
      let field = path.field("clientKey")
      if let name = clientKey.secretName {
        ZipkinConf.check(secret: name, at: field, into: &violations)
      } else {
        violations.add(
          field, "has to be the name of a Secret of the mesh, as secret: NAME; a key must not stand in the mesh itself")
      }
    }
    if clientCert != nil, clientKey == nil {
      violations.add(path.field("clientKey"), "cannot be empty where clientCert is given")
    }
    if clientKey != nil, clientCert == nil {
      violations.add(path.field("clientCert"), "cannot be empty where clientKey is given")
    }
    if !serverName.isEmpty, !HostRules.isIP(serverName), !HostRules.isDomainName(serverName) {
      violations.add(path.field("serverName"), "has to be a host name or an IP address")
    }
  }
}

extension ZipkinConf.PEMSource {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    switch self {
    case .unclear: violations.add(path, "has to have either inlineString or secret")
    case .secret(let name): ZipkinConf.check(secret: name, at: path, into: &violations)
    case .inlineString(let text):
      let field = path.field("inlineString")
      if text.utf8.count > ZipkinConf.pemLimit {
        violations.add(field, "has to be at most \(ZipkinConf.pemLimit) bytes long")
      } else if !PEMText.isCertificates(text) {
        violations.add(field, "has to be a certificate in PEM form")
      }
    }
  }
}
