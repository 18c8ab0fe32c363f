import MeshModel

extension MeshIndex {
  /// The names of all secrets.
  package var secretNames: some Collection<String> { secrets.keys }

  /// The proxies whose winning policy leads to one of some backends.
  func proxies(reportingTo backends: Set<String>) -> Set<String> {
    var proxies: Set<String> = []
    for name in policyNames {
      guard let policy = policy(name), let backend = BackendResolution(policy, in: mesh ?? Mesh()).backend,
        backends.contains(backend.name)
      else { continue }
      proxies.formUnion(self.proxies(wonBy: name))
    }
    return proxies
  }

  /// The proxies that report to an own collector, and need something else to reach it than before.
  package func proxies(reaching new: OwnCollector?, otherwiseThan old: OwnCollector?) -> Set<String> {
    let changed = collectors.destinations.filter { _, destination in
      access(to: destination, new) != access(to: destination, old)
    }
    return changed.isEmpty ? [] : proxies(reportingTo: Set(changed.keys))
  }

  /// What proxies need to reach a destination beside its address; `nil` for nothing.
  ///
  /// What a backend says itself goes before what the control plane knows of its own collector. A backend that has the collector
  /// verified otherwise gets no token, since whoever writes it chooses who passes.
  func access(to destination: TracingDestination, _ ownCollector: OwnCollector?) -> CollectorAccess? {
    guard case .zipkin(let url, _) = destination.receiver else { return nil }
    let given = collectors.accesses[destination.backend]
    guard let own = ownCollector?.access(for: url, mesh: name) else { return given }
    guard var access = given else { return own }
    guard access.verification == .none else { return access }
    access.verification = own.verification
    access.serverName = access.serverName ?? own.serverName
    let names = Set(access.headers.map(\.name))
    access.headers += own.headers.filter { !names.contains($0.name) }
    return access
  }
}

/// The destinations of a mesh's backends, and what proxies need to reach them.
struct BackendCollectors: Sendable {
  /// The backends that can be used, by name.
  private(set) var destinations: [String: TracingDestination] = [:]
  /// What proxies need for these; those that need nothing are not in it.
  private(set) var accesses: [String: CollectorAccess] = [:]
  /// Why other backends cannot be used: without its authority, for example, a collector would not be verified.
  private(set) var obstacles: [String: UnusableSecret] = [:]

  init() {}

  init(of mesh: Mesh?, secrets: [String: Secret]) {
    var names: Set<String> = []
    for backend in mesh?.tracing?.backends ?? [] where names.insert(backend.name).inserted {
      guard let destination = TracingDestination(backend) else { continue }
      do throws(UnusableSecret) {
        if backend.kind == .zipkin, let conf = try? backend.zipkin() {
          accesses[backend.name] = try CollectorAccess(conf, secrets: secrets)
        }
        destinations[backend.name] = destination
      } catch {
        obstacles[backend.name] = error
      }
    }
  }

  /// The backends that differ.
  func names(differingFrom old: BackendCollectors) -> Set<String> {
    Set(destinations.keys).union(old.destinations.keys).filter {
      destinations[$0] != old.destinations[$0] || accesses[$0] != old.accesses[$0]
    }
  }
}

/// Why a backend cannot be used now.
struct UnusableSecret: Error, Hashable, CustomStringConvertible {
  /// What is wrong with a Secret.
  enum Reason: String {
    case missing = "the mesh does not have it"
    case noCertificate = "it has no certificate in PEM form"
    case noKey = "it has no private key in PEM form, or one with a password"
    case noFieldValue = "it is not text in one line, which a header needs"
    case reserved = "it belongs to the control plane itself"
  }

  /// The Secret that the backend names.
  var name: String
  var reason: Reason

  /// Which Secret cannot be used, and why.
  var description: String { "it needs the Secret \"\(name.abridged())\", but \(reason.rawValue)" }
}

extension CollectorAccess {
  /// What a backend asks for; `nil` for nothing beside what Kuma configures.
  init?(_ conf: ZipkinConf, secrets: [String: Secret]) throws(UnusableSecret) {
    guard conf.tls != nil || !conf.headers.isEmpty else { return nil }
    self.init()
    if let tls = conf.tls {
      if let authority = tls.caCert {
        verification = .authorities(try Self.certificates(authority, secrets))
      } else if tls.verify == ZipkinConf.TLS.system {
        verification = .system
      }
      serverName = tls.serverName.isEmpty ? nil : tls.serverName
      if let certificate = tls.clientCert, let key = tls.clientKey?.secretName {
        let text = try Self.text(key, secrets)
        guard PEMText.isPrivateKey(text) else { throw UnusableSecret(name: key, reason: .noKey) }
        identity = Identity(certificateChain: try Self.certificates(certificate, secrets), privateKey: text)
      }
    }
    for header in conf.headers {
      switch header.value {
      case .text(let text): headers.append(Header(name: header.name.lowercased(), value: text))
      case .secret(let name):
        let text = try Self.text(name, secrets)
        guard ZipkinConf.isFieldValue(text) else { throw UnusableSecret(name: name, reason: .noFieldValue) }
        headers.append(Header(name: header.name.lowercased(), value: text))
      }
    }
  }

  private static func certificates(
    _ source: ZipkinConf.PEMSource, _ secrets: [String: Secret]
  ) throws(UnusableSecret) -> String {
    switch source {
    case .inlineString(let text): return text
    case .unclear: throw UnusableSecret(name: "", reason: .noCertificate)
    case .secret(let name):
      let text = try Self.text(name, secrets)
      guard PEMText.isCertificates(text) else { throw UnusableSecret(name: name, reason: .noCertificate) }
      return text
    }
  }

  /// The text of a secret, without the line end that files have.
  private static func text(_ name: String, _ secrets: [String: Secret]) throws(UnusableSecret) -> String {
    guard !ReservedSecrets.contains(name) else { throw UnusableSecret(name: name, reason: .reserved) }
    guard let data = secrets[name]?.data, !data.isEmpty else { throw UnusableSecret(name: name, reason: .missing) }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw UnusableSecret(name: name, reason: .noFieldValue)
    }
    var rest = text[...]
    while rest.last?.isNewline == true { rest.removeLast() }
    return String(rest)
  }
}
