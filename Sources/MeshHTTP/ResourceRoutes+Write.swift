import HTTPTypes
import MeshModel
import MeshPolicy
import MeshStore
import OrderedCollections

extension ResourceRoutes {
  /// How often a write is repeated when others create and delete the same resource at the same moment.
  private static let attempts = 3

  /// The label that says where a resource comes from, set when it is created. Source: Kuma 2.7.
  private static let origin = (name: "kuma.io/origin", value: "zone")

  /// Creates or replaces a resource.
  func write(_ request: APIRequest) async throws(APIError) -> APIResponse {
    let key = key(request)
    if type.isMeshScoped { try await context.mesh(key.mesh) }
    let body = try ResourceBody(request.body, type: type)
    // The order is Kuma's: a specification that breaks rules hides that the identity does.
    let violations = body.resource.violations()
    guard violations.isEmpty else { throw .invalid(violations, title: APIContext.Title.process) }
    for _ in 0..<Self.attempts {
      let existing = try await context.find(key, title: APIContext.Title.process)
      try check(body, against: key, isNew: existing == nil)
      let title = existing == nil ? APIContext.Title.create : APIContext.Title.update
      // A creation has to be one, because other rules hold for it. Of updates the last one stays.
      let condition = existing == nil ? WriteCondition.absent : .always
      do throws(StoreError) {
        let (stored, created) = try await context.store.put(
          resource(body, key: key, isNew: existing == nil), if: condition)
        let warnings = await WarningSource(context: context).warnings(
          writing: stored, over: existing, notices: body.notices)
        let status: HTTPResponse.Status = created ? .created : .ok
        return warnings.isEmpty ? .empty(status) : .json(.warnings(warnings), status: status)
      } catch {
        if error.code != .conflict { throw APIError(error, title: title, mesh: key.mesh) }
      }
    }
    throw APIError(StoreError(code: .conflict, message: ""), title: APIContext.Title.update, mesh: key.mesh)
  }

  private func check(_ body: ResourceBody, against key: ResourceKey, isNew: Bool) throws(APIError) {
    func mismatch(_ field: String) -> Violation {
      Violation(field: field, message: "\(field) from the URL has to be the same as in body")
    }
    let name = body.resource.name
    var violations: [Violation] = []
    if name != key.name { violations.append(mismatch("name")) }
    if body.type != type.rawValue { violations.append(mismatch("type")) }
    if type.isMeshScoped, body.resource.mesh != key.mesh { violations.append(mismatch("mesh")) }
    // A name that already exists is left in peace: older versions allowed more of them.
    if isNew || name.isEmpty { violations += NameRules.violations(ofNewName: name) }
    if type.isMeshScoped, body.resource.mesh.isEmpty {
      violations.append(Violation(field: "mesh", message: "cannot be empty"))
    }
    guard violations.isEmpty else { throw .invalid(violations, title: APIContext.Title.process) }
    guard isNew, type == .mesh else { return }
    let tooLong = NameRules.violations(ofNewMeshName: name)
    guard tooLong.isEmpty else { throw .invalid(tooLong, title: APIContext.Title.create) }
  }

  private func resource(_ body: ResourceBody, key: ResourceKey, isNew: Bool) -> Resource {
    var resource = body.resource
    resource.key = key
    if isNew { resource.labels[Self.origin.name] = Self.origin.value }
    if case .dataplane(let dataplane) = resource.spec {
      resource.spec = .dataplane(dataplane.settingZone(context.configuration.zone))
    }
    return resource
  }
}

/// The body of a write.
struct ResourceBody: Sendable {
  /// The type that the body names; empty when it names none.
  var type: String
  /// The resource, read as the type that the path names.
  var resource: Resource
  /// Fields that were ignored.
  var notices: [FieldNotice]

  /// Reads a body in Universal form.
  init(_ bytes: [UInt8], type: ResourceType) throws(APIError) {
    do throws(DocumentError) {
      guard !bytes.isEmpty else { throw DocumentError(code: .syntax, message: "the body is empty") }
      var value = try DocumentValue(json: bytes)
      if value == .null { value = [:] }
      guard case .object(var object) = value else {
        throw DocumentError(code: .wrongKind, message: "the document has to be an object, not \(value.kind)")
      }
      switch object["type"] {
      case .string(let name): self.type = name
      case .null, nil: self.type = ""
      case let other?: throw DocumentError(code: .wrongKind, message: "type has to be text, not \(other.kind)")
      }
      object["type"] = .string(type.rawValue)
      let document = try ResourceDocument(.object(object))
      resource = document.resource
      notices = document.notices
    } catch {
      throw .unreadable(type, error.description)
    }
  }
}

extension DocumentValue {
  /// Warnings as an answer's body.
  static func warnings(_ warnings: [String]) -> DocumentValue {
    ["warnings": .array(warnings.map(DocumentValue.string))]
  }
}
