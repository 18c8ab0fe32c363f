import MeshModel
import MeshPolicy
import MeshXDS

/// A stream that a proxy wants to open, with what it has said of itself, parsed.
struct ProxyOpening: Sendable {
  /// Identifies the stream.
  var stream: String
  /// Who the proxy says it is.
  var proxy: ProxyID
  /// The Dataplane that it brings along, as it is to be stored; `nil` when it was created by other means.
  var registration: Resource?
  /// What runs there.
  var version: DataplaneInsight.ProxyVersion
  /// Where it can be asked about itself.
  var address: ProxyAddress
  /// Who is at the other end, with what tells its process from others.
  var peer: DataplaneInsight.Peer
  /// How long its listeners drain; `nil` when it does not say.
  var drainTime: Duration?
  /// The Dataplane as it was brought along.
  private var document: Resource?
  /// Rules that the document breaks by itself.
  private var violations: [Violation] = []

  /// Parses an introduction.
  ///
  /// - Parameter zone: the zone that the proxy is in.
  /// - Throws: when it makes no sense.
  init(stream: String, _ introduction: ProxyIntroduction, zone: String) throws(SessionRefusal) {
    guard let proxy = ProxyID(nodeID: introduction.nodeID) else {
      let id = introduction.nodeID.printable(atMost: 100)
      throw .permanent("the node id \"\(id)\" has to be <mesh>.<dataplane name>")
    }
    self.stream = stream
    self.proxy = proxy
    version = introduction.version
    address = introduction.address
    drainTime = introduction.drainTime
    if let text = introduction.dataplane, !text.isEmpty {
      let resource = try Self.parse(text)
      guard let content = resource.content(Dataplane.self) else {
        throw .permanent("the proxy brings a \(resource.type.rawValue), not a Dataplane")
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
        throw DocumentError(code: .wrongKind, message: "it has to be one document, not \(documents.count)")
      }
      return first
    } catch {
      throw .permanent("the proxy's Dataplane cannot be read: \(error)".printable(atMost: 2_000))
    }
  }

  /// Checks the stream by the rules that hold for every other way to bring a Dataplane.
  ///
  /// - Parameter isNew: whether the store has no Dataplane of this name.
  /// - Returns: why the stream is refused; `nil` when it is not.
  func refusal(isNew: Bool) -> SessionRefusal? {
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
  /// Trying again later can help.
  static func temporary(_ message: String) -> SessionRefusal { SessionRefusal(code: .unavailable, message: message) }

  /// What the proxy says breaks rules.
  static func permanent(_ message: String) -> SessionRefusal {
    SessionRefusal(code: .invalidArgument, message: message)
  }
}

extension ProxyAddress {
  /// Who is at the other end, with what tells its process from others: the machine, the administration port and the Dataplane.
  /// A process that comes back is the same by all of them.
  fileprivate func identify(_ registration: Resource?) -> DataplaneInsight.Peer {
    let document = registration.map { Resource(mesh: $0.mesh, name: $0.name, spec: $0.spec).document().json() } ?? ""
    let hash = ContentHash(of: Array("\(host ?? remotePeer)\n\(adminPort ?? 0)\n\(document)".utf8)).bytes
    let process = hash.prefix(6).map { String(UInt16($0) | 256, radix: 16).dropFirst() }.joined()
    return DataplaneInsight.Peer(address: hostAndPort, process: process)
  }
}

extension Resource {
  /// Whether two resources say the same, whenever they were written.
  func says(_ other: Resource) -> Bool { spec == other.spec && labels == other.labels }
}
