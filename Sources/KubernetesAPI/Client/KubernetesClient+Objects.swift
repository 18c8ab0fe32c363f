package import Documents
import NIOHTTP1
import OrderedCollections

extension KubernetesClient {
  /// The name under which the API server keeps who set which field, where none is given: that of this program. Webhooks are told
  /// it too.
  package var fieldManager: String { String(userAgent.prefix { $0 != "/" }) }

  /// Reads one object.
  package func get(
    _ kind: KubernetesKind, namespace: String? = nil, name: String
  ) async throws(KubernetesError) -> KubernetesObject {
    try await object(
      APIRequest(verb: "get", kind: kind, namespace: namespace, name: name, method: .GET, time: settings.requestTime))
  }

  /// Reads one object; `nil` when there is none.
  package func find(
    _ kind: KubernetesKind, namespace: String? = nil, name: String
  ) async throws(KubernetesError) -> KubernetesObject? {
    do throws(KubernetesError) {
      return try await get(kind, namespace: namespace, name: name)
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  /// Reads one object, or creates it if there is none. Of several programs that do this, one creates the object, and all others
  /// get that.
  ///
  /// - Parameter make: the object, called when there is none.
  package func findOrCreate(
    _ kind: KubernetesKind, namespace: String? = nil, name: String, _ make: () throws -> KubernetesObject
  ) async throws -> (object: KubernetesObject, isNew: Bool) {
    if let present = try await find(kind, namespace: namespace, name: name) { return (present, false) }
    let made = try make()
    do throws(KubernetesError) {
      return (try await create(kind, made), true)
    } catch {
      guard error.code == .alreadyExists, let present = try await find(kind, namespace: namespace, name: name)
      else { throw error }
      return (present, false)
    }
  }

  /// Creates an object; its name and namespace are in it.
  ///
  /// - Parameter dryRun: whether everything is checked and nothing is stored.
  package func create(
    _ kind: KubernetesKind, _ object: KubernetesObject, dryRun: Bool = false
  ) async throws(KubernetesError) -> KubernetesObject {
    try await self.object(
      APIRequest(
        verb: "create", kind: kind, namespace: object.namespace, method: .POST,
        query: [("fieldManager", fieldManager)] + (dryRun ? [("dryRun", "All")] : []), body: .object(object.document),
        time: settings.requestTime))
  }

  /// Creates a subresource of an object, such as `binding` of a pod or `token` of a service account.
  ///
  /// - Parameters:
  ///   - kind: of the object that the subresource belongs to.
  ///   - body: the subresource's own object.
  /// - Returns: what the API server answers: the subresource's object, or a Status.
  package func create(
    _ kind: KubernetesKind, namespace: String? = nil, name: String, subresource: String, _ body: DocumentValue
  ) async throws(KubernetesError) -> KubernetesObject {
    let request = APIRequest(
      verb: "create", kind: kind, namespace: namespace, name: name, subresource: subresource, method: .POST,
      query: [("fieldManager", fieldManager)], body: body, time: settings.requestTime)
    return KubernetesObject(try document(try await send(request), of: request))
  }

  /// Replaces an object if it still has the `resourceVersion` that the given one has.
  ///
  /// - Parameter subresource: `status` to write the status alone.
  package func replace(
    _ kind: KubernetesKind, _ object: KubernetesObject, subresource: String? = nil
  ) async throws(KubernetesError) -> KubernetesObject {
    try await self.object(
      APIRequest(
        verb: "update", kind: kind, namespace: object.namespace, name: object.name, subresource: subresource,
        method: .PUT, query: [("fieldManager", fieldManager)], body: .object(object.document),
        time: settings.requestTime))
  }

  /// Changes an object; ``KubernetesPatch/apply(_:force:)`` creates it if need be.
  ///
  /// - Parameters:
  ///   - subresource: `status` to change the status alone.
  ///   - fieldManager: the name under which the API server keeps who set which field.
  package func patch(
    _ kind: KubernetesKind, namespace: String? = nil, name: String, _ patch: KubernetesPatch,
    subresource: String? = nil, fieldManager: String
  ) async throws(KubernetesError) -> KubernetesObject {
    var query = [(name: "fieldManager", value: fieldManager)]
    if patch.isForced { query.append(("force", "true")) }
    return try await object(
      APIRequest(
        verb: "patch", kind: kind, namespace: namespace, name: name, subresource: subresource, method: .PATCH,
        query: query, body: patch.body, contentType: patch.contentType, time: settings.requestTime))
  }

  /// Deletes an object; what it owns is deleted in the background.
  ///
  /// - Parameters:
  ///   - uid: deletes only the object with this uid, not a later one of the same name.
  ///   - resourceVersion: deletes the object only if it has this version.
  ///   - gracePeriod: how many seconds a pod gets to end; 0 removes the object at once. `nil` for what the pod says.
  package func delete(
    _ kind: KubernetesKind, namespace: String? = nil, name: String, uid: String? = nil, resourceVersion: String? = nil,
    gracePeriod: Int? = nil
  ) async throws(KubernetesError) {
    var preconditions: DocumentValue.Object = [:]
    if let uid { preconditions["uid"] = .string(uid) }
    if let resourceVersion { preconditions["resourceVersion"] = .string(resourceVersion) }
    var options: DocumentValue.Object = [
      "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background",
    ]
    if let gracePeriod { options["gracePeriodSeconds"] = .integer(Int64(gracePeriod)) }
    if !preconditions.isEmpty { options["preconditions"] = .object(preconditions) }
    _ = try await send(
      APIRequest(
        verb: "delete", kind: kind, namespace: namespace, name: name, method: .DELETE, body: .object(options),
        time: settings.requestTime))
  }

  /// Whether the API server would let this process do something.
  ///
  /// - Parameter verb: as rules of RBAC name it: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
  package func isAllowed(
    _ verb: String, _ kind: KubernetesKind, namespace: String? = nil, subresource: String? = nil
  ) async throws(KubernetesError) -> Bool {
    var attributes: DocumentValue.Object = [
      "verb": .string(verb), "group": .string(kind.group), "resource": .string(kind.plural),
    ]
    if let namespace { attributes["namespace"] = .string(namespace) }
    if let subresource { attributes["subresource"] = .string(subresource) }
    let review = KubernetesKind(
      group: "authorization.k8s.io", version: "v1", kind: "SelfSubjectAccessReview",
      plural: "selfsubjectaccessreviews", isNamespaced: false)
    let answer = try await object(
      APIRequest(
        verb: "create", kind: review, method: .POST,
        body: [
          "apiVersion": .string(review.apiVersion), "kind": .string(review.kind),
          "spec": ["resourceAttributes": .object(attributes)],
        ], time: settings.requestTime))
    return answer["status"]?["allowed"]?.bool ?? false
  }

  /// The version of the API server: 1 and 29 for 1.29; `nil` when it says none.
  package func serverVersion() async throws(KubernetesError) -> (major: Int, minor: Int)? {
    let kind = KubernetesKind(version: "v1", kind: "Version", plural: "version", isNamespaced: false)
    let request = APIRequest(
      verb: "get", kind: kind, fixedPath: "/version", method: .GET, time: settings.requestTime)
    let answer = try document(try await send(request), of: request)
    // Some say "29+".
    func number(_ field: String) -> Int? { Int(answer[field]?.string?.prefix { $0.isASCII && $0.isNumber } ?? "") }
    guard let major = number("major"), let minor = number("minor") else { return nil }
    return (major, minor)
  }

  private func object(_ request: APIRequest) async throws(KubernetesError) -> KubernetesObject {
    let reply = try await send(request)
    return KubernetesObject(try document(reply, of: request)).completed(request.kind)
  }

  /// The object that an answer holds.
  func document(_ reply: Reply, of request: APIRequest) throws(KubernetesError) -> DocumentValue.Object {
    let begin = request.sentence(on: access.server)
    do throws(DocumentError) {
      if let object = try DocumentValue(json: reply.body).object { return object }
    } catch {
      throw KubernetesError(
        code: .unreadable, message: "\(begin): the answer is not JSON: \(error.message.printable(atMost: 200))",
        status: reply.status)
    }
    throw KubernetesError(code: .unreadable, message: "\(begin): the answer is not an object", status: reply.status)
  }
}
