import Documents
import MeshModel
import OrderedCollections

/// Answers the questions of the API server about objects that are to be stored or deleted.
///
/// Paths, codes, texts and causes are those of Kuma 2.7; the warnings are additions.
package struct Admission: Sendable {
  /// The kinds of questions, by the paths at which the API server asks them.
  package enum Question: String, Sendable, CaseIterable {
    /// Which defaults an object gets.
    case defaults = "/default-kuma-io-v1alpha1-mesh"
    /// To which mesh a new policy belongs.
    case ownerReference = "/owner-reference-kuma-io-v1alpha1"
    /// Whether a pod gets a sidecar, and which.
    case injection = "/inject-sidecar"
    /// Whether a resource is valid.
    case resource = "/validate-kuma-io-v1alpha1"
    /// Whether the annotations of a Service are valid.
    case service = "/validate-v1-service"
    /// Whether a Secret of a mesh is valid.
    case secret = "/validate-v1-secret"
  }

  /// What is looked up.
  private let view: any MeshView
  /// Puts sidecars into pods.
  private let injector: Injector
  /// Whether new policies get a reference to their mesh.
  private let setsOwnerReferences: Bool
  /// The name under which control planes set fields.
  private let ownFieldManager: String?

  /// - Parameters:
  ///   - injector: puts sidecars into pods.
  ///   - setsOwnerReferences: whether new policies get a reference to their mesh, by which they are deleted with it.
  ///   - ownFieldManager: the name under which control planes set fields. Nobody reads warnings about what they write, and they
  ///     may write many objects.
  package init(
    view: any MeshView, injector: Injector, setsOwnerReferences: Bool = true, ownFieldManager: String? = nil
  ) {
    self.view = view
    self.injector = injector
    self.setsOwnerReferences = setsOwnerReferences
    self.ownFieldManager = ownFieldManager
  }

  /// Answers a question.
  package func answer(_ question: Question, to request: AdmissionRequest) async -> AdmissionAnswer {
    switch question {
    case .defaults: defaults(of: request)
    case .ownerReference: await ownerReference(of: request)
    case .injection: await injection(into: request)
    case .resource: await validation(of: request)
    case .service: await service(request)
    case .secret: SecretReview.answer(to: request)
    }
  }

  /// The type of resource that a request is about; `nil` when it is not one of ours.
  private static func type(of request: AdmissionRequest) -> ResourceType? {
    request.group == ResourceDocument.apiGroup ? ResourceType(rawValue: request.kind) : nil
  }

  // MARK: Changes

  private func defaults(of request: AdmissionRequest) -> AdmissionAnswer {
    guard Self.type(of: request) == .mesh else {
      return .failed(400, "there are no defaults for the kind \(request.kind.abridged().quoted)")
    }
    return .allowed(patch: MeshDefaults.patch(of: request.object))
  }

  private func ownerReference(of request: AdmissionRequest) async -> AdmissionAnswer {
    guard let type = Self.type(of: request), type.isMeshScoped else {
      return .failed(400, "objects of the kind \(request.kind.abridged().quoted) belong to no mesh")
    }
    let mesh = Self.mesh(of: request.object)
    if let violation = NameRules.violation(ofMesh: mesh) {
      // The mesh may stand in the specification, where it is ignored.
      let notices = (try? CustomResource(request))?.notices.messages ?? []
      return .invalid([violation], request, warnings: AdmissionWarnings.bounded(notices))
    }
    guard setsOwnerReferences, ResourceOrigin(of: request.object) != .global else { return .allowed() }
    do {
      guard let uid = try await view.uid(ofMesh: mesh) else {
        return .failed(
          400, "\(ResourceType.mesh.kubernetesPlural).\(ResourceDocument.apiGroup) \(mesh.quoted) not found")
      }
      return .allowed(patch: OwnerReference(mesh: mesh, uid: uid).patch(of: request.object))
    } catch {
      return .failed(500, "the mesh \(mesh.quoted) cannot be looked up: \(error)")
    }
  }

  /// The mesh that an object names. There is no default, because objects without a mesh are refused.
  private static func mesh(of object: DocumentValue.Object) -> String { object["mesh"]?.string ?? "" }

  // MARK: Pods and Services

  private func injection(into request: AdmissionRequest) async -> AdmissionAnswer {
    guard request.group.isEmpty, request.kind == "Pod", request.operation == .create else {
      return .failed(400, "only new pods get sidecars, not objects of the kind \(request.kind.abridged().quoted)")
    }
    do {
      guard let namespace = try await view.namespace(request.namespace) else {
        return .failed(
          500, "could not retrieve namespace for pod: Namespace \(request.namespace.abridged().quoted) not found")
      }
      return await injector.answer(to: request, in: namespace) { try await view.exists(mesh: $0) }
    } catch {
      return .failed(500, "could not retrieve namespace for pod: \(error)")
    }
  }

  private func service(_ request: AdmissionRequest) async -> AdmissionAnswer {
    let review = ServiceReview(request)
    guard review.violations.isEmpty else { return .invalid(review.violations, request) }
    guard !review.warnings.isEmpty, request.fieldManager != ownFieldManager,
      (try? await view.namespace(request.namespace))?.isInjected == true
    else { return .allowed() }
    return .allowed(warnings: AdmissionWarnings.bounded(review.warnings))
  }

  // MARK: Validation

  private func validation(of request: AdmissionRequest) async -> AdmissionAnswer {
    guard let type = Self.type(of: request) else { return .allowed() }
    switch request.operation {
    case .create, .update: return await resourceValidation(of: request)
    case .delete: return await deletion(of: request, type)
    case .connect: return .allowed()
    }
  }

  private func resourceValidation(of request: AdmissionRequest) async -> AdmissionAnswer {
    // Only the finalizers of an object that is being deleted change. What else it says does not matter any more.
    guard request.object["metadata"]?["deletionTimestamp"]?.string == nil else { return .allowed() }
    let object: CustomResource
    do throws(DocumentError) {
      object = try CustomResource(request)
    } catch {
      return .failed(400, error.description)
    }
    let violations = object.violations(request)
    guard violations.isEmpty else {
      // A field that is missing often stands there misspelt.
      return .invalid(violations, request, warnings: AdmissionWarnings.bounded(object.notices.messages))
    }
    guard object.resource.type.isUserWritten, request.fieldManager != ownFieldManager else { return .allowed() }
    let warnings = await view.warnings(writing: object.resource, notices: object.notices)
    return .allowed(warnings: AdmissionWarnings.bounded(warnings))
  }

  private func deletion(of request: AdmissionRequest, _ type: ResourceType) async -> AdmissionAnswer {
    guard type == .mesh else { return .allowed() }
    do {
      guard try await view.hasDataplanes(inMesh: request.name) else { return .allowed() }
      return .failed(400, Violation.meshInUse.description)
    } catch {
      return .failed(500, "the data plane proxies of the mesh \(request.name.quoted) are not known: \(error)")
    }
  }
}
