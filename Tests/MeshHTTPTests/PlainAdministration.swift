import MeshHTTP
import MeshPolicy
import Synchronization

/// Envoys of which each gives the same answer, or none, and that remember what they were asked.
final class PlainAdministration: EnvoyAdministration {
  struct Question: Sendable, Equatable {
    var question: EnvoyQuestion
    var proxy: ProxyID
    var defaultPort: UInt16?
  }

  private let outcome: Result<[UInt8], EnvoyAdministrationError>
  private let questions = Mutex<[Question]>([])
  var asked: [Question] { questions.withLock { $0 } }

  init(_ answer: String = #"{"configs":[]}"#) { outcome = .success(Array(answer.utf8)) }

  init(failing error: EnvoyAdministrationError) { outcome = .failure(error) }

  func answer(
    to question: EnvoyQuestion, of proxy: ProxyID, defaultPort: UInt16?
  ) async throws(EnvoyAdministrationError) -> [UInt8] {
    questions.withLock { $0.append(Question(question: question, proxy: proxy, defaultPort: defaultPort)) }
    return try outcome.get()
  }
}
