import Documents
import MeshModel
import OrderedCollections

/// The rules of a Service: the protocols that its annotations name. Source: Kuma 2.7.
enum ServiceReview {
  static func answer(to request: AdmissionRequest) -> AdmissionAnswer {
    guard request.operation != .delete else { return .allowed() }
    let annotations = request.object["metadata"]?["annotations"]
    var violations: [Violation] = []
    for port in request.object["spec"]?["ports"]?.array ?? [] {
      guard case .integer(let number)? = port["port"] else { continue }
      let key = "\(number).service.kuma.io/protocol"
      guard let value = annotations?[key]?.string, !Dataplane.isProtocol(value) else { continue }
      violations.append(
        Violation(
          field: "metadata.annotations[\(key.quoted)]",
          message: "value \(value.quoted) is not valid. \(Dataplane.allowedProtocols)"))
    }
    return violations.isEmpty ? .allowed() : .invalid(violations, request)
  }
}
