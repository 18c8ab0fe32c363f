import HTTPService
import HTTPTypes
import MeshModel
import MeshPolicy
import MeshStore
import OrderedCollections

/// The dry run: what writes would change.
struct DryRunRoutes: Sendable {
  let context: APIContext

  var routes: [Route] {
    [
      Route(
        .post, "/_dry-run",
        "Tells what writing resources one after the other would change, and writes nothing: the body's resources is a "
          + "list of them in Universal form.", isWrite: false, handler: dryRun)
    ]
  }

  private func dryRun(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let documents = try Self.documents(request.body)
    let draft = ResourceDraft(over: context.store, inspection: context.inspection, now: context.now)
    let writer = context.writer(resources: draft, inspection: draft)
    var results: [DocumentValue] = []
    for (index, document) in documents.enumerated() {
      do throws(APIError) {
        results.append(try await Self.result(document, writer: writer))
      } catch {
        var error = error
        if documents.count > 1 {
          let name = document["name"]?.string ?? ""
          let subject = name.isEmpty ? "a resource without a name" : "\"\(name.abridged())\""
          error.violations.append(
            Violation(field: "resources[\(index)]", message: "this is about \(subject); nothing was written"))
        }
        throw error
      }
    }
    let changes = await draft.changes
    return .json([
      "dryRun": true, "resources": .array(results), "changes": .array(changes.map(\.document)),
    ])
  }

  private static func documents(_ bytes: [UInt8]) throws(APIError) -> [DocumentValue] {
    do throws(DocumentError) {
      // As in a file, an empty document is not a resource.
      if let documents = try DocumentValue(json: bytes)["resources"]?.array { return documents.filter { $0 != .null } }
      throw DocumentError(code: .wrongKind, message: "resources has to be a list of resources in Universal form")
    } catch {
      throw .unreadable(error)
    }
  }

  /// Makes one write in the draft, like a separate request.
  private static func result(_ document: DocumentValue, writer: ResourceWriter) async throws(APIError) -> DocumentValue
  {
    guard let type = ResourceType(rawValue: document["type"]?.string ?? ""), type.isUserWritten else {
      let names = ResourceType.allCases.filter(\.isUserWritten).map(\.rawValue).joined(separator: ", ")
      throw .invalid(
        [Violation(field: "type", message: "must be one of: \(names)")], title: APIContext.Title.process)
    }
    let body = try ResourceBody(document, type: type)
    let key = body.resource.key
    if type.isMeshScoped, !key.mesh.isEmpty { try await writer.requireMesh(key.mesh) }
    let outcome = try await writer.write(body, to: key)
    var object: DocumentValue.Object = ["type": .string(type.rawValue)]
    if type.isMeshScoped { object["mesh"] = .string(key.mesh) }
    object["name"] = .string(key.name)
    object["action"] = .string(action(of: outcome, writing: body.resource))
    object["warnings"] = DocumentValue.warnings(outcome.warnings)["warnings"]
    return .object(object)
  }

  private static func action(of outcome: ResourceWriter.Outcome, writing resource: Resource) -> String {
    // Whoever may ask need not be allowed to list secrets, and could try out what one is.
    if resource.type.isSecret { return "write" }
    if outcome.created { return "create" }
    // The same holds for a secret within a document, unless it is masked.
    if resource.redacted != resource { return "write" }
    return outcome.isUnchanged ? "unchanged" : "update"
  }
}
