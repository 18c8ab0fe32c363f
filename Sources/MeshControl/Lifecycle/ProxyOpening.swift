import MeshModel
import MeshPolicy
import MeshXDS

/// A stream that a proxy wants to open, with the parsed introduction of the proxy.
struct ProxyOpening: Sendable {
  /// Identifies the stream.
  var stream: String
  /// The proxy's id.
  var proxy: ProxyID
  /// The Dataplane to store; `nil` if the proxy brings none.
  var registration: Resource?
  /// The versions of the proxy's programs.
  var version: DataplaneInsight.ProxyVersion
  /// What the proxy says of itself.
  var traits: ProxyTraits
  /// The peer, with data that distinguishes its process from others.
  var peer: DataplaneInsight.Peer
  /// What the proxy may speak for.
  var authority: ProxyAuthority
  /// The Dataplane as the proxy sent it.
  private var document: Resource?
  /// Violations found in the document alone.
  private var violations: [Violation] = []

  /// Parses an introduction.
  ///
  /// - Parameters:
  ///   - zone: the zone of the proxy.
  ///   - authority: what the proxy may speak for.
  /// - Throws: if the introduction is not valid.
  init(
    stream: String, _ introduction: ProxyIntroduction, zone: String, authority: ProxyAuthority = .unlimited
  ) throws(SessionRefusal) {
    guard let proxy = ProxyID(nodeID: introduction.nodeID) else {
      let id = introduction.nodeID.printable(atMost: 100)
      throw .permanent("the node id \"\(id)\" must have the form <mesh>.<dataplane name>")
    }
    self.stream = stream
    self.proxy = proxy
    self.authority = authority
    version = introduction.version
    traits = ProxyTraits(
      drainTime: introduction.drainTime, envoyVersion: introduction.version.envoy,
      hasReportRuntime: introduction.hasReportRuntime, address: introduction.address)
    if let text = introduction.dataplane, !text.isEmpty {
      let resource = try Self.parse(text)
      guard let content = resource.content(Dataplane.self) else {
        throw .permanent("the proxy sent a \(resource.type.rawValue), not a Dataplane")
      }
      violations = resource.violations()
      var labels = resource.labels
      labels[LifecycleSettings.registrationLabel] = "kuma-dp"
      registration = Resource(mesh: proxy.mesh, name: proxy.name, spec: content.settingZone(zone).spec, labels: labels)
      document = resource
    }
    peer = introduction.address.identify(registration)
  }

  private static func parse(_ text: String) throws(SessionRefusal) -> Resource {
    do throws(DocumentError) {
      let documents = try ResourceDocument.all(in: text)
      guard documents.count == 1, let first = documents.first?.resource else {
        throw DocumentError(code: .wrongKind, message: "exactly one document is required, not \(documents.count)")
      }
      return first
    } catch {
      throw .permanent("the proxy's Dataplane is not valid: \(error)".printable(atMost: 2_000))
    }
  }

  /// Checks what the proxy may speak for, and validates the Dataplane by the rules of the HTTP API.
  ///
  /// - Parameter stored: the Dataplane that the store has under this name, whoever wrote it.
  /// - Returns: why the stream is refused; `nil` if it is accepted.
  func refusal(stored: Resource?) -> SessionRefusal? { unauthorized(stored) ?? invalid(isNew: stored == nil) }

  private func unauthorized(_ stored: Resource?) -> SessionRefusal? {
    if let registration {
      return authority.refusal(ofBrought: registration) ?? stored.flatMap { authority.refusal(ofReplacing: $0) }
    }
    if let stored { return authority.refusal(ofStored: stored) }
    // Source of the text: Kuma 2.7.
    return authority.needsDataplane
      ? .temporary(
        "resource \"\(proxy)\" not found; create a Dataplane in Kuma CP first or pass it as an argument to kuma-dp")
      : nil
  }

  private func invalid(isNew: Bool) -> SessionRefusal? {
    let what: String
    let violations: [Violation]
    if let document {
      let key = ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)
      what = "Dataplane"
      violations =
        self.violations + document.identityViolations(ofProxy: key, isNew: isNew, source: "the proxy's id")
    } else {
      what = "id"
      violations = isNew ? NameRules.violations(ofNewName: proxy.name) : []
    }
    return violations.isEmpty
      ? nil : .permanent("the proxy's \(what) is not valid: \(Violation.list(violations))")
  }
}

extension SessionRefusal {
  /// A refusal after which a retry can succeed.
  static func temporary(_ message: String) -> SessionRefusal { SessionRefusal(code: .unavailable, message: message) }

  /// A refusal because the introduction is not valid.
  static func permanent(_ message: String) -> SessionRefusal {
    SessionRefusal(code: .invalidArgument, message: message)
  }
}

extension ProxyAddress {
  /// The peer, identified by its machine, administration port and Dataplane. A process that reconnects has the same identity.
  fileprivate func identify(_ registration: Resource?) -> DataplaneInsight.Peer {
    let document = registration.map { Resource(mesh: $0.mesh, name: $0.name, spec: $0.spec).document().json() } ?? ""
    let hash = ContentHash(of: Array("\(host ?? remotePeer)\n\(adminPort ?? 0)\n\(document)".utf8)).bytes
    let process = hash.prefix(6).map { String(UInt16($0) | 256, radix: 16).dropFirst() }.joined()
    return DataplaneInsight.Peer(address: hostAndPort, process: process)
  }
}

extension Resource {
  /// Whether two resources have equal content, apart from times, revisions and what a cluster adds.
  func says(_ other: Resource) -> Bool { spec == other.spec && ownLabels == other.ownLabels }
}
