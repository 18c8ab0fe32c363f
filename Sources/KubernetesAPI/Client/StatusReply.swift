import Documents
import Foundation

/// An answer of the API server that says why it did not do what was asked: its status with a `Status` object, or other text.
/// Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
struct StatusReply {
  let status: Int
  /// The `Status` object; `nil` when the body is something else.
  private let object: DocumentValue?
  private let text: String
  private let retryHeader: Int?

  init(status: Int, body: [UInt8], retryAfter: String? = nil) {
    self.status = status
    let document = try? DocumentValue(json: body)
    object = document?["kind"]?.string == "Status" ? document : nil
    text = String(decoding: body, as: UTF8.self).trimmingSpaces
    retryHeader = retryAfter.flatMap(Int.init)
  }

  /// The object of an `ERROR` event of a watch.
  init(event: DocumentValue) {
    object = event
    status = event["code"]?.number.flatMap(Int.init(exactly:)) ?? 500
    text = ""
    retryHeader = nil
  }

  var reason: String { object?["reason"]?.string ?? "" }

  private var details: DocumentValue? { object?["details"] }

  /// What the server says, on one line.
  var words: String {
    let words = object?["message"]?.string ?? text
    return words.isEmpty ? "status \(status)" : words.printable(atMost: 1000)
  }

  /// For how many seconds the server asks to wait, at most an hour.
  var retryAfter: Int? {
    let seconds = retryHeader ?? details?["retryAfterSeconds"]?.number.flatMap(Int.init(exactly:))
    return seconds.map { max(0, min($0, 3600)) }
  }

  /// The kind of failure.
  func code(verb: String) -> KubernetesError.Code {
    switch status {
    case 401: return .unauthorized
    case 403: return .forbidden
    case 404:
      // A kind that is not served is answered in plain text, or, when the whole kind was asked for, without a name.
      guard object != nil else { return .kindNotServed }
      return verb == "list" || verb == "watch" ? .kindNotServed : .notFound
    case 409: return reason == "AlreadyExists" ? .alreadyExists : .conflict
    case 410: return .expired
    case 429: return .tooManyRequests
    case 400, 405, 413, 415, 422: return .invalid
    case 500...: return .unavailable
    default: return .unreadable
    }
  }

  /// The failure in a sentence, with what to do.
  func error(for request: APIRequest, on server: String) -> KubernetesError {
    let code = code(verb: request.verb)
    var message = "\(request.sentence(on: server)): \(words)"
    if let remedy = remedy(code, for: request) { message += "; \(remedy)" }
    return KubernetesError(code: code, message: message, status: status, retryAfter: retryAfter)
  }

  private func remedy(_ code: KubernetesError.Code, for request: APIRequest) -> String? {
    switch code {
    case .unauthorized:
      return "check the token or the client certificate: it may be wrong or have expired"
    case .forbidden:
      guard !words.contains("admission webhook"), words.contains(" cannot ") else { return nil }
      let place = (request.kind.isNamespaced ? request.namespace : nil).map { " in namespace \($0.quoted)" } ?? ""
      return "give \(account) the verb \(request.verb.quoted) on \(request.resource.quoted)\(place)"
    case .kindNotServed where request.kind.group.contains("."):
      guard request.kind.group == "kuma.io" else { return "the API server does not serve this kind" }
      return "install the custom resources: kumactl install crds | kubectl apply -f -"
    case .unavailable where words.contains("failed calling webhook"):
      return "check that the webhook's server runs and that its caBundle is the one of its certificate"
    default: return nil
    }
  }

  /// Who was refused, as the server names it.
  private var account: String {
    guard let start = words.range(of: "User \""), let end = words[start.upperBound...].firstIndex(of: "\"") else {
      return "the service account"
    }
    let name = words[start.upperBound..<end]
    let prefix = "system:serviceaccount:"
    guard name.hasPrefix(prefix) else { return "the user \"\(name)\"" }
    return "the service account \"\(name.dropFirst(prefix.count).split(separator: ":").joined(separator: "/"))\""
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
