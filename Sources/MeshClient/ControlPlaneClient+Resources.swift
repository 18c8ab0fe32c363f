public import MeshModel

/// A control plane's answer to a write.
public struct WriteOutcome: Sendable, Hashable {
  /// Whether the resource is new.
  public var isCreated: Bool
  /// The control plane's warnings.
  public var warnings: [String]
}

/// A part of a list of resources.
public struct ResourcePage<Item: Sendable>: Sendable {
  /// The number of resources in the whole list.
  public var total: Int
  /// The resources of this page, in the control plane's order.
  public var items: [Item]
  /// The offset of the next page; `nil` on the last one.
  public var nextOffset: String?
}

/// The requested part of a list.
public struct PageRequest: Sendable, Hashable {
  /// The number of resources; with `nil`, the control plane's default.
  public var size: Int?
  /// The offset of the page, from ``ResourcePage/nextOffset``.
  public var offset: String?

  /// Makes a request for a part.
  public init(size: Int? = nil, offset: String? = nil) {
    self.size = size
    self.offset = offset
  }

  fileprivate var query: [(String, String)] {
    var query: [(String, String)] = []
    if let offset { query.append(("offset", offset)) }
    if let size { query.append(("size", String(size))) }
    return query
  }
}

/// The product and version of a control plane.
public struct ControlPlaneIndex: Sendable, Hashable {
  /// The product; `Kuma` for Kuma and everything compatible.
  public var tagline: String
  /// The version.
  public var version: String
  /// The whole answer.
  public var document: DocumentValue
}

extension ControlPlaneClient {
  /// Reads the product and version of the control plane.
  ///
  /// - Throws: ``ControlPlaneError``; `unexpectedAnswer` when something else answers at the address.
  public func index() async throws(ControlPlaneError) -> ControlPlaneIndex {
    let document = try await send(.get, "/")
    guard let tagline = document["tagline"]?.string, let version = document["version"]?.string else {
      throw ControlPlaneError(
        code: .unexpectedAnswer, title: "\(address) answers, but it is not the HTTP API of a control plane")
    }
    return ControlPlaneIndex(tagline: tagline, version: version, document: document)
  }

  /// Reads the name of the user for whom the control plane takes this client; `nil` where it does not say so.
  ///
  /// - Throws: ``ControlPlaneError`` if nothing answers, or the proof of identity is not accepted.
  public func user() async throws(ControlPlaneError) -> String? {
    do {
      return try await send(.get, "/who-am-i")["name"]?.string
    } catch {
      guard let status = error.status, status != 401 else { throw error }
      return nil
    }
  }

  /// Reads one resource.
  ///
  /// - Throws: ``ControlPlaneError``; `notFound` when there is none.
  public func get(_ key: ResourceKey) async throws(ControlPlaneError) -> Resource {
    try resource(await send(.get, Self.path(key)))
  }

  /// Creates or replaces a resource.
  public func put(_ resource: Resource) async throws(ControlPlaneError) -> WriteOutcome {
    let path = Self.path(resource.key)
    let response = try await exchange(.put, path, document: resource.document())
    guard (200..<300).contains(response.status) else {
      throw ControlPlaneError(status: response.status, body: response.body, request: "PUT \(address)\(path)")
    }
    // The body is usually empty. A body that is not JSON has no warnings, but the write still succeeded.
    let warnings = (try? DocumentValue(json: response.body))?["warnings"]?.array ?? []
    return WriteOutcome(isCreated: response.status == 201, warnings: warnings.compactMap(\.string))
  }

  /// Removes a resource.
  ///
  /// - Throws: ``ControlPlaneError``; `notFound` when there is none.
  public func delete(_ key: ResourceKey) async throws(ControlPlaneError) {
    _ = try await send(.delete, Self.path(key))
  }

  /// Lists resources of a type.
  ///
  /// - Parameter mesh: the mesh; `nil` for all meshes.
  public func list(_ type: ResourceType, mesh: String?, page: PageRequest = PageRequest())
    async throws(ControlPlaneError) -> ResourcePage<Resource>
  {
    let documents = try await list(Self.path(type, mesh: mesh), page: page)
    var items: [Resource] = []
    items.reserveCapacity(documents.items.count)
    for document in documents.items { items.append(try resource(document)) }
    return ResourcePage(total: documents.total, items: items, nextOffset: documents.nextOffset)
  }

  /// Every resource of a type, page after page.
  public func all(_ type: ResourceType, mesh: String?) async throws(ControlPlaneError) -> [Resource] {
    var items: [Resource] = []
    var page = PageRequest(size: 1000)
    while true {
      let answer = try await list(type, mesh: mesh, page: page)
      items += answer.items
      // A next page that is not behind this one would lead to an endless loop.
      guard let next = answer.nextOffset, next != page.offset, !answer.items.isEmpty else { return items }
      page.offset = next
    }
  }

  /// Lists the documents at a path of the API.
  ///
  /// - Parameter query: further parameters, not escaped.
  public func list(_ path: String, page: PageRequest = PageRequest(), query: [(String, String)] = [])
    async throws(ControlPlaneError) -> ResourcePage<DocumentValue>
  {
    try await read(path, page: page, query: query).page
  }

  /// Reads a page of a list, with the whole answer.
  private func read(_ path: String, page: PageRequest, query: [(String, String)])
    async throws(ControlPlaneError) -> (document: DocumentValue, page: ResourcePage<DocumentValue>)
  {
    let query = (page.query + query).map { "\(Self.escape($0.0))=\(Self.escape($0.1))" }
    let document = try await send(.get, query.isEmpty ? path : "\(path)?\(query.joined(separator: "&"))")
    guard let items = document["items"]?.array ?? (document["items"] == .null ? [] : nil) else {
      throw ControlPlaneError(
        code: .unexpectedAnswer, title: "\(address)\(path) was answered with something other than a list")
    }
    let total = document["total"]?.number.flatMap { Int(exactly: $0) } ?? items.count
    let page = ResourcePage(
      total: total, items: items, nextOffset: document["next"]?.string.flatMap(Self.offset(inAddress:)))
    return (document, page)
  }

  /// Every document of a list of the API, page after page.
  ///
  /// - Parameter query: further parameters, not escaped.
  /// - Returns: the answers; there is at least one, and each has its part of the items.
  public func pages(_ path: String, query: [(String, String)] = []) async throws(ControlPlaneError) -> [DocumentValue] {
    var answers: [DocumentValue] = []
    var page = PageRequest(size: 1000)
    while true {
      let answer = try await read(path, page: page, query: query)
      answers.append(answer.document)
      // A next page that is not behind this one would lead to an endless loop.
      guard let next = answer.page.nextOffset, next != page.offset, !answer.page.items.isEmpty else { return answers }
      page.offset = next
    }
  }

  /// The path of a resource.
  public static func path(_ key: ResourceKey) -> String {
    "\(path(key.type, mesh: key.type.isMeshScoped ? key.mesh : nil))/\(escape(key.name))"
  }

  /// The path of the resources of a type in a mesh, or in all meshes.
  public static func path(_ type: ResourceType, mesh: String?) -> String {
    guard type.isMeshScoped, let mesh else { return "/\(type.pathSegment)" }
    return "/meshes/\(escape(mesh))/\(type.pathSegment)"
  }

  /// Text escaped for one segment of a path or for a query.
  public static func escape(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }

  private static func offset(inAddress next: String) -> String? {
    guard let query = next.split(separator: "?", maxSplits: 1).dropFirst().first else { return nil }
    let parameter = query.split(separator: "&").first { $0.hasPrefix("offset=") }
    return parameter.map { String($0.dropFirst("offset=".count)) }
  }

  private func resource(_ document: DocumentValue) throws(ControlPlaneError) -> Resource {
    do {
      return try ResourceDocument(document).resource
    } catch {
      throw ControlPlaneError(
        code: .unexpectedAnswer, title: "\(address) answered with a resource that cannot be read: \(error)",
        cause: error)
    }
  }
}
