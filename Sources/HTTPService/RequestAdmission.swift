import HTTPTypes

extension RequestService {
  /// Asks who sends a request whose head is complete, and whether they may, and not too often. An address counts first, so that
  /// guesses of tokens count.
  ///
  /// - Parameter client: what the connection tells about the client.
  /// - Returns: the caller with its name, and the answer to a request that is refused.
  func admit(_ request: HTTPRequest, from client: Caller) -> (caller: Caller, refusal: Answer?) {
    if let answer = tooSoon(request, of: client.key) { return (client, answer) }
    // A browser sends no credentials before it knows that the page may use the server.
    guard let access, callers.origins.preflight(request) == nil else { return (client, nil) }
    switch access.decide(on: request, from: client) {
    case .allowed(let caller):
      return (caller, tooSoon(request, of: caller.identity.map { .identity($0) } ?? .machine))
    case .refused(let answer, let reason):
      noteRefusal(reason, of: request, client)
      return (client, answer)
    }
  }

  /// Counts and logs that access is refused.
  func noteRefusal(_ reason: String, of request: HTTPRequest, _ caller: Caller) {
    counts.count(.access)
    refusals.note(reason, operation: request.loggedOperation, caller: caller, to: logger)
  }

  /// Counts and logs a refusal without the responder.
  ///
  /// - Parameter request: the request; nil if it could not be read.
  /// - Returns: its answer.
  func refuse(_ request: HTTPRequest?, _ refusal: RequestRefusal) -> Answer {
    note(
      refusal.reason,
      "the server refused a request: "
        + refusal.sentence(hostSetting: settings.hosts, originSetting: settings.origins))
    return answer(to: request, refusal)
  }
}

extension HTTPRequest {
  /// The method and the path without its query, which may hold secrets; at most 200 characters.
  fileprivate var loggedOperation: String {
    "\(method.rawValue.prefix(20)) \((path ?? "").prefix { $0 != "?" }.prefix(180))"
  }
}
