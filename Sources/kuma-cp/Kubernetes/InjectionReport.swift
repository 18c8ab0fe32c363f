import Documents
import Logging
import MeshKubernetes
import OrderedCollections
import Synchronization

/// Logs what is warned of about pods that controllers create: kubectl prints warnings only to those who create pods themselves. A
/// text is logged once, as long as it is remembered.
final class InjectionReport: Sendable {
  /// How many texts are remembered.
  private static let limit = 1_000

  private let logger: Logger
  private let known = Mutex<Set<Int>>([])

  init(logger: Logger) { self.logger = logger }

  /// An answer is about to be sent.
  func note(_ answer: AdmissionAnswer, about request: AdmissionRequest) {
    let texts = answer.warnings + [answer.refusal?.message].compactMap { $0 }
    guard !texts.isEmpty, Self.isOfController(request) else { return }
    let pod = "\(request.namespace)/\(request.displayName)"
    for text in texts where isNew(pod + text) {
      logger.warning(
        answer.refusal == nil ? "a pod does not get all that it asks for" : "a pod is refused",
        metadata: ["pod": "\(pod.printable(atMost: 200))", "reason": "\(text)"])
    }
  }

  private static func isOfController(_ request: AdmissionRequest) -> Bool {
    request.object["metadata"]?["ownerReferences"]?.array?.isEmpty == false
  }

  private func isNew(_ text: String) -> Bool {
    known.withLock { known in
      if known.count >= Self.limit { known.removeAll() }
      return known.insert(text.hashValue).inserted
    }
  }
}
