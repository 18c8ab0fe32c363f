import Documents
import Foundation
import OrderedCollections
import SystemErrors

/// One or several kubeconfig files. Source of the form and of the rules of merging:
/// https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
struct Kubeconfig {
  typealias Failure = KubernetesAccess.Failure

  /// The largest file, in bytes.
  static let limit = 4 << 20

  /// A cluster, user or context, with the folder that its relative paths begin in.
  private struct Entry {
    var fields: DocumentValue.Object
    var place: Place
  }

  /// Where something stands, for messages.
  struct Place {
    /// The file and the path of the field.
    var text: String
    /// The folder of the file.
    var folder: String

    func appending(_ field: String) -> Place { Place(text: "\(text).\(field)", folder: folder) }

    func failure(_ message: String) -> Failure {
      Failure(code: .badConfiguration, message: "\(text) \(message)".printable(atMost: 1000))
    }

    /// A path as it stands in the file: a relative one begins in the file's folder.
    func path(_ path: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }
  }

  private var clusters: [String: Entry] = [:]
  private var users: [String: Entry] = [:]
  private var contexts: [String: Entry] = [:]
  private var currentContext: String?
  /// The files, for messages.
  private let name: String

  init(path: String) throws(Failure) {
    name = path
    switch FileAccess.read(path, limit: Self.limit) {
    case .failure(let failure):
      throw Failure(code: .badConfiguration, message: "the kubeconfig cannot be read (\(failure))")
    case .success(let bytes): try add(bytes, path: path)
    }
  }

  /// Reads the files of a list. Those that do not exist are passed over; of entries with the same name the first one holds.
  init(paths: [String]) throws(Failure) {
    name = paths.joined(separator: ":")
    var isEmpty = true
    for path in paths {
      switch FileAccess.read(path, limit: Self.limit) {
      case .failure(let failure):
        if failure.number == ENOENT { continue }
        throw Failure(code: .badConfiguration, message: "the kubeconfig cannot be read (\(failure))")
      case .success(let bytes):
        isEmpty = false
        try add(bytes, path: path)
      }
    }
    if isEmpty {
      throw Failure(
        code: .noConfiguration,
        message: "none of the files that KUBECONFIG names exists: \(name.printable(atMost: 500))")
    }
  }

  private mutating func add(_ bytes: [UInt8], path: String) throws(Failure) {
    let documents: [DocumentValue]
    do throws(DocumentError) {
      documents = try DocumentValue.yamlDocuments(String(documentBytes: bytes))
    } catch {
      throw Failure(code: .badConfiguration, message: "\(path): \(error.message)".printable(atMost: 1000))
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let folder = parts.isEmpty ? "." : parts.joined(separator: "/")
    let root = Place(text: "\(path):", folder: folder)
    guard documents.count == 1, let object = documents[0].object else {
      throw root.failure("a kubeconfig has to be one object with clusters, users and contexts")
    }
    func read(_ list: String, _ item: String, into entries: inout [String: Entry]) throws(Failure) {
      guard let value = object[list], value != .null else { return }
      guard let items = value.array else { throw root.failure("\(list) has to be a list, not \(value.kind)") }
      for (index, entry) in items.enumerated() {
        let place = Place(text: "\(path): \(list)[\(index)]", folder: folder)
        guard let name = entry["name"]?.string else { throw place.failure("has no name") }
        guard entries[name] == nil else { continue }
        entries[name] = Entry(fields: entry[item]?.object ?? [:], place: place.appending(item))
      }
    }
    try read("clusters", "cluster", into: &clusters)
    try read("users", "user", into: &users)
    try read("contexts", "context", into: &contexts)
    if currentContext == nil, let name = object["current-context"]?.string, !name.isEmpty { currentContext = name }
  }

  /// What a context describes.
  func access(context chosen: String?) throws(Failure) -> KubernetesAccess {
    guard let contextName = chosen ?? currentContext else {
      throw Failure(
        code: .badConfiguration,
        message: "\(name): there is no current-context; choose one with: kubectl config use-context NAME")
    }
    guard let context = contexts[contextName] else {
      throw missing("context", contextName, known: contexts.keys.sorted(), from: "\(name)")
    }
    guard let clusterName = context.fields["cluster"]?.string, !clusterName.isEmpty else {
      throw context.place.failure("names no cluster")
    }
    guard let cluster = clusters[clusterName] else {
      throw missing("cluster", clusterName, known: clusters.keys.sorted(), from: context.place.text)
    }
    var access = try server(cluster.fields, cluster.place)
    if let userName = context.fields["user"]?.string, !userName.isEmpty {
      guard let user = users[userName] else {
        throw missing("user", userName, known: users.keys.sorted(), from: context.place.text)
      }
      access.identity = try KubeconfigUser(fields: user.fields, place: user.place).identity(of: access)
    }
    if let namespace = context.fields["namespace"]?.string, !namespace.isEmpty { access.namespace = namespace }
    access.origin = "context \(contextName.quoted) of \(name)".printable(atMost: 500)
    return access
  }

  private func missing(_ kind: String, _ missing: String, known: [String], from place: String) -> Failure {
    let list = known.isEmpty ? "there is none" : "there are \(known.map(\.quoted).joined(separator: ", "))"
    return Failure(
      code: .badConfiguration,
      message: "\(place): there is no \(kind) \(missing.quoted); \(list)".printable(atMost: 1000))
  }

  private func server(_ fields: DocumentValue.Object, _ place: Place) throws(Failure) -> KubernetesAccess {
    guard let address = fields["server"]?.string, !address.isEmpty else { throw place.failure("names no server") }
    guard let url = URL(string: address), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
      url.host?.isEmpty == false, url.port.map({ UInt16(exactly: $0) != nil }) ?? true, url.user == nil,
      url.query == nil, url.fragment == nil
    else {
      throw place.appending("server").failure(
        "has to be the URL of the API server, such as https://127.0.0.1:6443, not \(address.quoted)")
    }
    if let proxy = fields["proxy-url"]?.string, !proxy.isEmpty {
      throw place.appending("proxy-url").failure(
        "is not supported; forward a port through the proxy and name that address as server, with tls-server-name")
    }
    let trust: KubernetesAccess.Trust
    if fields["insecure-skip-tls-verify"]?.bool == true {
      trust = .anything
    } else if let data = fields["certificate-authority-data"]?.string, !data.isEmpty {
      trust = .certificates(try place.appending("certificate-authority-data").decoded(data))
    } else if let file = fields["certificate-authority"]?.string, !file.isEmpty {
      trust = .file(place.path(file))
    } else {
      trust = .system
    }
    let serverName = fields["tls-server-name"]?.string
    return KubernetesAccess(
      server: address.hasSuffix("/") ? String(address.reversed().drop { $0 == "/" }.reversed()) : address,
      namespace: "default", origin: name, trust: trust, serverName: serverName?.isEmpty == false ? serverName : nil,
      identity: KubernetesAccess.Identity())
  }
}

extension Kubeconfig.Place {
  /// The bytes that base64 text in this field stands for.
  func decoded(_ text: String) throws(KubernetesAccess.Failure) -> [UInt8] {
    guard let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters), !data.isEmpty else {
      throw failure("has to be base64 text")
    }
    return Array(data)
  }
}
