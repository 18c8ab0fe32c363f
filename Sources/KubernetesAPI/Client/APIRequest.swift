import AsyncHTTPClient
import Documents
import NIOCore
import NIOHTTP1

/// A request to the API server, before it has a server and credentials.
struct APIRequest: Sendable {
  /// The verb as rules of RBAC name it.
  var verb: String
  var kind: KubernetesKind
  var namespace: String?
  /// The object's name; `nil` for the whole kind.
  var name: String?
  /// The name of the only object that a list or a watch is about; `nil` for all.
  var selectedName: String?
  /// The type of the only Secrets that a list or a watch is about; `nil` for all.
  var selectedType: String?
  var subresource: String?
  /// The path of what is not an object, such as `/version`; `nil` for the object's own.
  var fixedPath: String?
  var method: HTTPMethod
  var query: [(name: String, value: String)] = []
  var body: DocumentValue?
  var contentType = "application/json"
  /// The largest body of an answer, in bytes.
  var limit = 4 << 20
  /// How long everything may take, the body of the answer included.
  var time: Duration = .seconds(30)

  /// Whether asking twice is the same as asking once.
  var isReading: Bool { method == .GET }

  /// The path with its query, escaped.
  ///
  /// - Throws: ``KubernetesError`` when the names cannot stand in a path, so that another path than the wanted one would
  ///   be asked for.
  func path(on server: String) throws(KubernetesError) -> String {
    if let fixedPath { return fixedPath }
    var path = kind.group.isEmpty ? "/api/\(kind.version)" : "/apis/\(kind.group)/\(kind.version)"
    func check(_ name: String, _ what: String) throws(KubernetesError) {
      guard name.isEmpty || name == "." || name == ".." else { return }
      throw KubernetesError(
        code: .invalid, message: "\(sentence(on: server)): \(name.quoted) is not a valid \(what)")
    }
    if let namespace, kind.isNamespaced {
      try check(namespace, "namespace")
      path += "/namespaces/\(namespace.pathSegment)"
    }
    path += "/\(kind.plural)"
    if let name {
      try check(name, "name")
      path += "/\(name.pathSegment)"
    }
    if let subresource { path += "/\(subresource)" }
    var query = query
    let fields = [selectedName.map { "metadata.name=\($0)" }, selectedType.map { "type=\($0)" }].compactMap(\.self)
    if !fields.isEmpty { query.append(("fieldSelector", fields.joined(separator: ","))) }
    guard !query.isEmpty else { return path }
    return path + "?" + query.map { "\($0.name)=\($0.value.pathSegment)" }.joined(separator: "&")
  }

  /// The kind with its subresource, as rules of RBAC name it: `meshes.kuma.io/status`.
  var resource: String {
    guard let subresource else { return kind.qualifiedName }
    let group = kind.group.isEmpty ? "" : ".\(kind.group)"
    return "\(kind.plural)/\(subresource)\(group)"
  }

  /// What is asked, to begin a message with: `cannot list "meshes.kuma.io" at https://10.96.0.1:443`.
  func sentence(on server: String) -> String {
    let object = (name ?? selectedName).map { " \($0.quoted)" } ?? ""
    let place = (kind.isNamespaced ? namespace : nil).map { " in namespace \($0.quoted)" } ?? ""
    return "cannot \(verb) \(resource.quoted)\(object)\(place) at \(server)".printable(atMost: 500)
  }
}

extension String {
  /// The text as one segment of a path or one value of a query: everything but unreserved characters is escaped. Source:
  /// RFC 3986, section 2.3.
  var pathSegment: String {
    var text = ""
    for byte in utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        text += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return text
  }
}
