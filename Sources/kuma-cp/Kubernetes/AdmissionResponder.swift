import Documents
import HTTPService
import HTTPTypes
import MeshKubernetes
import MeshModel

/// Answers the requests to the admission server: translates between HTTP and ``Admission``.
struct AdmissionResponder: Sendable {
  let admission: Admission
  /// Tells of warnings that nobody would see.
  var report: InjectionReport?

  private static let operations = Admission.Question.allCases.map {
    Operation(.post, $0.rawValue, "Answers an AdmissionReview.")
  }
  private static let router = Router(operations, headIsGet: false)

  /// Answers a request.
  func respond(to request: HTTPRequest, body: [UInt8]) async -> Answer {
    let target = RequestTarget(request.path ?? "/")
    switch Self.router.match(request.method, target.path) {
    case .none: return .text("Not found. This port serves the admission webhooks.\n", .notFound)
    case .otherMethods(let methods):
      var answer = Answer.text("Only \(methods) is allowed here.\n", .methodNotAllowed)
      answer.fields[.allow] = methods
      return answer
    case .found(let index, _):
      guard MediaType.ofBody(request) == MediaType.json else {
        return .text("The body has to be an AdmissionReview as \(MediaType.json).\n", .unsupportedMediaType)
      }
      let time = QueryParameters(target.query, decoding: .strict)["timeout"].flatMap { Duration(goText: $0) }
      var answer = await self.answer(Admission.Question.allCases[index], body, within: time ?? Self.usualTime)
      answer.operation = Self.operations[index].name
      return answer
    }
  }

  /// How long the API server waits where it does not say. Source: `timeoutSeconds` of webhooks.
  private static let usualTime = Duration.seconds(10)
  /// How long before that the answer leaves, so that it says why it is late.
  private static let margin = Duration.milliseconds(500)
  /// The least and the most time for an answer.
  private static let times = Duration.milliseconds(500)...Duration.seconds(30)

  private func answer(_ question: Admission.Question, _ body: [UInt8], within time: Duration) async -> Answer {
    let request: AdmissionRequest
    do throws(DocumentError) {
      request = try AdmissionRequest(review: DocumentValue(json: body))
    } catch {
      guard let uid = AdmissionRequest.uid(in: body) else { return .text("\(error)\n", .badRequest) }
      return Self.review(.failed(400, "the object cannot be read: \(error)"), uid)
    }
    let limit = min(max(time - Self.margin, Self.times.lowerBound), Self.times.upperBound)
    let answer = await withDeadline(limit) {
      await admission.answer(question, to: request)
    }
    if let answer, question == .injection { report?.note(answer, about: request) }
    return Self.review(
      answer
        ?? .failed(
          504, "the control plane could not look up in \(limit) what it needs for an answer; try again"),
      request.uid)
  }

  private static func review(_ answer: AdmissionAnswer, _ uid: String) -> Answer {
    .text(answer.review(uid: uid).json(), type: MediaType.json)
  }
}

/// The result of a task, or `nil` when it has none in time. The task is then cancelled.
func withDeadline<Value: Sendable>(
  _ limit: Duration, _ work: @escaping @Sendable () async -> Value
) async -> Value? {
  await withTaskGroup(of: Value?.self) { group in
    group.addTask { await work() }
    group.addTask {
      try? await Task.sleep(for: limit)
      return nil
    }
    defer { group.cancelAll() }
    return await group.next() ?? nil
  }
}
