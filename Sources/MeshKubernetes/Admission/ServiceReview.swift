import Documents
import KubernetesAPI
import MeshModel
import OrderedCollections

/// The rules of a Service: the protocols that its annotations name. Source: Kuma 2.7. And what a user of tracing is told first:
/// the requests to a port without a protocol are not seen.
struct ServiceReview {
  /// The rules that the Service breaks.
  let violations: [Violation]
  /// What to tell of ports whose requests leave no spans, for a Service whose pods have sidecars.
  let warnings: [String]

  init(_ request: AdmissionRequest) {
    guard request.operation != .delete else {
      (violations, warnings) = ([], [])
      return
    }
    let annotations = Annotations(of: request.object)
    violations = (request.object["spec"]?["ports"]?.array ?? []).compactMap { port in
      guard case .integer(let number)? = port["port"] else { return nil }
      let key = ServiceAnnotation.protocolKey(port: Int(number))
      guard let value = annotations[key], !Dataplane.isProtocol(value) else { return nil }
      return Violation(
        field: "metadata.annotations[\(key.quoted)]",
        message: "value \(value.quoted) is not valid. \(Dataplane.allowedProtocols)")
    }
    let service = ObservedService(KubernetesObject(request.object))
    let isOfMesh = !service.isExternalName && !service.selector.isEmpty && !service.isIgnored
    warnings =
      isOfMesh
      ? ServiceProtocol.advice(about: service).map { ["Service \(request.displayName.quoted): \($0)"] } ?? [] : []
  }
}
