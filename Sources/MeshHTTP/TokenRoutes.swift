import HTTPService
import HTTPTypes
import MeshAccess
import MeshModel
import OrderedCollections

/// Tokens of proxies and users. Source of paths, bodies and texts: Kuma 2.7.
struct TokenRoutes: Sendable {
  /// Issues tokens; `nil` if the control plane issues none.
  let issuer: (any TokenIssuing)?

  var routes: [Route] {
    [
      Route(
        .post, "/tokens/dataplane",
        "Issues a token for proxies. The body has name, mesh, tags (lists of values by name), type and validFor, such as 24h; only "
          + "mesh is required.", produces: Self.produces, isWrite: false, failures: Self.failures, handler: dataplane),
      Route(
        .post, "/tokens/user",
        "Issues a token for a user. The body has name, groups and validFor, such as 24h; name and validFor are required.",
        produces: Self.produces, isWrite: false, failures: Self.failures, handler: user),
    ]
  }

  private static let produces = [MediaType.text, MediaType.json]
  private static let title = "Could not issue a token"
  private static let failures: [(HTTPResponse.Status, String)] = [
    (.notFound, "There is no key that signs the token."),
    (.serviceUnavailable, "The key cannot be made, because the store cannot be reached."),
  ]
  /// How long a dataplane token is valid that says nothing: ten years, as in Kuma.
  private static let defaultValidity = Duration.seconds(10 * 365 * 24 * 3600)

  private func dataplane(_ request: RoutedRequest) async throws(APIError) -> Answer {
    var claims = DataplaneClaims(mesh: "")
    var validity: String?
    try Self.read(request) { (object: inout ObjectReader) throws(DocumentError) in
      claims.name = try object.string("name") ?? ""
      claims.mesh = try object.string("mesh") ?? ""
      claims.tags = try Self.tags(&object)
      claims.proxyType = try object.string("type") ?? ""
      validity = try object.string("validFor")
    }
    var violations: [Violation] = []
    if claims.mesh.isEmpty { violations.append(Violation(field: "mesh", message: "cannot be empty")) }
    var validFor = Self.defaultValidity
    if let validity, !validity.isEmpty { validFor = Self.duration(validity, &violations) }
    if !claims.proxyType.isEmpty, !DataplaneClaims.proxyTypes.contains(claims.proxyType) {
      violations.append(Violation(field: "type", message: "\(claims.proxyType) is not a valid proxy type"))
    }
    for (tag, values) in claims.tags.sorted(by: { $0.key < $1.key }) where values.isEmpty {
      violations.append(
        Violation(field: "tags[\(tag.quoted)]", message: "cannot be empty: no Dataplane could use the token"))
    }
    guard violations.isEmpty else { throw .invalid(violations, title: "Invalid request") }
    do {
      return Self.answer(try await required().issue(claims, validFor: validFor))
    } catch {
      throw Self.failure(error)
    }
  }

  private func user(_ request: RoutedRequest) async throws(APIError) -> Answer {
    var user = User(name: "", groups: [])
    var validity: String?
    try Self.read(request) { (object: inout ObjectReader) throws(DocumentError) in
      user.name = try object.string("name") ?? ""
      user.groups = try Self.texts(object.list("groups"))
      validity = try object.string("validFor")
    }
    var violations: [Violation] = []
    if user.name.isEmpty { violations.append(Violation(field: "name", message: "cannot be empty")) }
    var validFor = Duration.zero
    if let validity, !validity.isEmpty {
      validFor = Self.duration(validity, &violations)
    } else {
      violations.append(Violation(field: "validFor", message: "cannot be empty"))
    }
    guard violations.isEmpty else { throw .invalid(violations, title: "Invalid request") }
    do {
      return Self.answer(try await required().issue(user, validFor: validFor))
    } catch {
      throw Self.failure(error)
    }
  }

  private func required() throws(TokenIssueError) -> any TokenIssuing {
    guard let issuer else { throw .disabled }
    return issuer
  }

  private static func answer(_ token: String) -> Answer {
    // Nobody else's memory of answers may keep it.
    var answer = Answer.text(token, type: MediaType.text)
    answer.fields[.cacheControl] = "no-store"
    return answer
  }

  private static func failure(_ error: TokenIssueError) -> APIError {
    switch error {
    case .noSigningKey:
      APIError(status: .notFound, title: "Signing Key not found", detail: error.message)
    case .disabled, .tooLarge: APIError(status: .badRequest, title: title, detail: error.message)
    case .failed: APIError(status: .serviceUnavailable, title: title, detail: error.message)
    }
  }

  // MARK: Bodies

  private static func read(
    _ request: RoutedRequest, _ body: (inout ObjectReader) throws(DocumentError) -> Void
  ) throws(APIError) {
    do throws(DocumentError) {
      var object = try ObjectReader(try DocumentValue(json: request.body), path: "")
      try body(&object)
    } catch {
      throw .unreadable(error)
    }
  }

  private static func tags(_ object: inout ObjectReader) throws(DocumentError) -> [String: Set<String>] {
    guard let value = object.value("tags") else { return [:] }
    guard let tags = value.object else { throw ObjectReader.wrongKind(value, path: "tags", expected: "an object") }
    var result: [String: Set<String>] = [:]
    for (tag, values) in tags {
      let path = "tags[\(tag.quoted)]"
      guard let items = values.array else { throw ObjectReader.wrongKind(values, path: path, expected: "a list") }
      result[tag] = try texts(items.enumerated().map { ($0.element, "\(path)[\($0.offset)]") })
    }
    return result
  }

  private static func texts(_ items: [(value: DocumentValue, path: String)]) throws(DocumentError) -> Set<String> {
    var texts: Set<String> = []
    for item in items {
      guard let text = item.value.string else {
        throw ObjectReader.wrongKind(item.value, path: item.path, expected: "text")
      }
      texts.insert(text)
    }
    return texts
  }

  private static func duration(_ text: String, _ violations: inout [Violation]) -> Duration {
    guard let duration = Duration(goText: text) else {
      violations.append(Violation(field: "validFor", message: "is invalid: " + Duration.goFault(ofText: text)))
      return .zero
    }
    if duration < .seconds(1) {
      violations.append(
        Violation(
          field: "validFor",
          message: duration == .zero ? "cannot be empty or nil" : "is too short: it has to be at least 1s"))
    }
    return duration
  }
}
