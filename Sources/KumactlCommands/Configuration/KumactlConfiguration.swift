import MeshModel
import OrderedCollections

/// The known control planes and the active one, in the format of Kuma's file.
///
/// Entries are stored as documents, so that this program preserves what other versions and Kuma's own kumactl write.
struct KumactlConfiguration: Equatable {
  private(set) var controlPlanes: [ControlPlane]
  private var contexts: [DocumentValue.Object]
  private(set) var currentContext: String
  /// The other keys of the file.
  private var others: DocumentValue.Object = [:]

  /// The default configuration: a control plane on this machine.
  static var standard: KumactlConfiguration {
    var configuration = KumactlConfiguration(controlPlanes: [], contexts: [], currentContext: "")
    configuration.add(ControlPlane(name: "local", url: "http://localhost:5681"))
    return configuration
  }

  private init(controlPlanes: [ControlPlane], contexts: [DocumentValue.Object], currentContext: String) {
    self.controlPlanes = controlPlanes
    self.contexts = contexts
    self.currentContext = currentContext
  }

  /// Parses the text of a file.
  init(yaml text: String) throws(DocumentError) {
    let documents = try DocumentValue.yamlDocuments(text).filter { $0 != .null }
    guard documents.count <= 1 else {
      throw DocumentError(code: .wrongKind, message: "the file has to be one document, not \(documents.count)")
    }
    let document = documents.first ?? [:]
    guard let object = document.object else {
      throw DocumentError(code: .wrongKind, message: "the file has to be an object, not \(document.kind)")
    }
    self.init(
      controlPlanes: try Self.objects(document, "controlPlanes").map(ControlPlane.init),
      contexts: try Self.objects(document, "contexts"),
      currentContext: document["currentContext"]?.string ?? "")
    others = object.filter { !["contexts", "controlPlanes", "currentContext"].contains($0.key) }
  }

  /// The objects of a list. What is not understood is an error, because it would be lost when the file is written.
  private static func objects(_ document: DocumentValue, _ key: String) throws(DocumentError) -> [DocumentValue.Object]
  {
    let value = document[key] ?? .null
    let items = value.array ?? []
    let objects = items.compactMap(\.object)
    guard value == .null || value.array != nil, objects.count == items.count else {
      throw DocumentError(code: .wrongKind, message: "\(key) has to be a list of objects")
    }
    return objects
  }

  /// The text of a file.
  var yaml: String {
    let known: DocumentValue.Object = [
      "contexts": .array(contexts.map { .object($0) }),
      "controlPlanes": .array(controlPlanes.map { .object($0.document) }),
      "currentContext": .string(currentContext),
    ]
    return DocumentValue.object(known.merging(others) { known, _ in known }).yaml()
  }

  /// The active control plane; `nil` when there is none.
  var active: ControlPlane? {
    let context = contexts.first { $0["name"]?.string == currentContext }
    guard let name = context?["controlPlane"]?.string else { return nil }
    return controlPlanes.first { $0.name == name }
  }

  /// Whether a control plane has this name.
  func contains(_ name: String) -> Bool { controlPlanes.contains { $0.name == name } }

  /// Adds a control plane, or replaces the one of the same name, and makes it active.
  mutating func add(_ controlPlane: ControlPlane) {
    if let index = controlPlanes.firstIndex(where: { $0.name == controlPlane.name }) {
      controlPlanes[index] = controlPlane
    } else {
      controlPlanes.append(controlPlane)
    }
    if !contexts.contains(where: { $0["name"]?.string == controlPlane.name }) {
      contexts.append(["controlPlane": .string(controlPlane.name), "name": .string(controlPlane.name)])
    }
    currentContext = controlPlane.name
  }

  /// Makes a control plane the active one.
  ///
  /// - Returns: whether it is known.
  mutating func activate(_ name: String) -> Bool {
    guard contains(name), let context = contexts.first(where: { $0["controlPlane"]?.string == name }) else {
      return false
    }
    currentContext = context["name"]?.string ?? ""
    return true
  }

  /// Removes a control plane; if it was active, the first remaining one becomes active.
  ///
  /// - Returns: whether it was known.
  mutating func remove(_ name: String) -> Bool {
    guard contains(name) else { return false }
    let wasActive = active?.name == name
    controlPlanes.removeAll { $0.name == name }
    contexts.removeAll { $0["controlPlane"]?.string == name }
    if wasActive { currentContext = contexts.first?["name"]?.string ?? "" }
    return true
  }

  /// A control plane and how to reach it.
  struct ControlPlane: Equatable {
    private(set) var document: DocumentValue.Object

    init(_ document: DocumentValue.Object) { self.document = document }

    init(name: String, url: String, settings: DocumentValue.Object = [:]) {
      var server = settings
      server["url"] = .string(url)
      document = ["coordinates": ["apiServer": .object(server)], "name": .string(name)]
    }

    private var server: DocumentValue? { document["coordinates"]?["apiServer"] }

    var name: String { document["name"]?.string ?? "" }
    var url: String { server?["url"]?.string ?? "" }
    var caCertFile: String? { server?["caCertFile"]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    var skipVerify: Bool { server?["skipVerify"]?.bool ?? false }

    var clientCertificate: (certificateFile: String, keyFile: String)? {
      guard let certificate = server?["clientCertFile"]?.string, let key = server?["clientKeyFile"]?.string,
        !certificate.isEmpty, !key.isEmpty
      else { return nil }
      return (certificate, key)
    }

    /// The headers of requests, with the token of a user where one is configured.
    var headers: [(name: String, value: String)] {
      var headers = (server?["headers"]?.array ?? []).compactMap { item -> (name: String, value: String)? in
        guard let key = item["key"]?.string, let value = item["value"]?.string else { return nil }
        return (key, value)
      }
      if server?["authType"]?.string == "tokens", let token = server?["authConf"]?["token"]?.string {
        headers.append(("authorization", "Bearer \(token)"))
      }
      return headers
    }
  }
}
