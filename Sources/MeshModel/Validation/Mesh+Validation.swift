import OrderedCollections

extension Mesh {
  /// Every violation, backend by backend.
  func violations() -> [Violation] {
    guard let tracing else { return [] }
    var violations: [Violation] = []
    var names: Set<String> = []
    let root = FieldPath("tracing")
    for (index, backend) in tracing.backends.enumerated() {
      let path = root.field("backends").index(index)
      backend.check(at: path, into: &violations)
      if !names.insert(backend.name).inserted {
        violations.add(path.field("name"), "\(backend.name.quoted) name is already used for another backend")
      }
    }
    if !tracing.defaultBackend.isEmpty, !names.contains(tracing.defaultBackend) {
      violations.add(root.field("defaultBackend"), "has to be set to one of the tracing backend in mesh")
    }
    return violations
  }
}

extension Mesh {
  /// The violation of a change of the authority that signs the certificates of proxies while they are in use. Source: Kuma 2.7.
  func violations(replacing old: Mesh) -> [Violation] {
    let (before, after) = (old.enabledAuthority, enabledAuthority)
    guard !before.isEmpty, !after.isEmpty, before != after else { return [] }
    return [
      Violation(
        field: "mtls.enabledBackend",
        message: "Changing CA when mTLS is enabled is forbidden. Disable mTLS first and then change the CA")
    ]
  }

  /// The name of the authority in use; empty for none.
  private var enabledAuthority: String { otherSections["mtls"]?["enabledBackend"]?.string ?? "" }
}

extension TracingBackend {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    if name.isEmpty { violations.add(path.field("name"), "cannot be empty") }
    if let sampling, !(0...100).contains(sampling) {
      violations.add(path.field("sampling"), "has to be in [0.0 - 100.0] range")
    }
    // Kuma's paths say `config` although the key is `conf`; clients match on it.
    let config = path.field("config")
    do throws(DocumentError) {
      switch kind {
      case .zipkin: try zipkin().check(at: config, into: &violations)
      case .datadog: try datadog().check(at: config, into: &violations)
      case nil:
        let known = Kind.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        violations.add(path.field("type"), "unknown backend type. Available backends: \(known)")
      }
    } catch {
      violations.add(config, "could not parse config: \(error.message)")
    }
  }
}

extension ZipkinConf {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    // The list of allowed values is Kuma's, to the byte; `auto` is this project's and is not in it.
    if !apiVersion.isEmpty, !isAutomatic, !Self.apiVersions.contains(apiVersion) {
      let allowed = Self.apiVersions.joined(separator: ", ")
      violations.add(path.field("apiVersion"), "has invalid value. Allowed values: \(allowed)")
    }
    if !traceContextOption.isEmpty, !Self.traceContextOptions.contains(traceContextOption) {
      let allowed = Self.traceContextOptions.joined(separator: ", ")
      violations.add(path.field("traceContextOption"), "has invalid value. Allowed values: \(allowed)")
    }
    checkSecurity(at: path, into: &violations)
    let field = path.field("url")
    guard !url.isEmpty else {
      violations.add(field, "cannot be empty")
      return
    }
    do throws(CollectorURL.Failure) {
      _ = try CollectorURL(url)
    } catch {
      violations.add(field, error.rawValue)
    }
  }
}

extension DatadogConf {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    if address.isEmpty { violations.add(path.field("address"), "cannot be empty") }
    if !(1...65_535).contains(port) { violations.add(path.field("port"), PortRules.message) }
  }
}

/// The range of ports. Source: Kuma 2.7.
enum PortRules {
  static let message = "port must be in the range [1, 65535]"
}
