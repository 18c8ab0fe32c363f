package import HTTPService
package import HTTPTypes
package import MeshAccess

/// Decides on the requests of one server: who sends them, what their operation needs, and whether the sender has it.
package struct HTTPAccess: RequestAccess {
  /// The server.
  package let server: AccessMatrix.Server
  /// What operations need.
  package var matrix = AccessMatrix.standard
  /// Who has which permission.
  package let rules: StaticAccess
  /// Finds who sends a request.
  package let identification: CallerIdentification
  /// Whether other machines need TLS, except for what everybody may do: for a server whose port also takes connections without TLS.
  package var needsTLS = false
  /// The name of the operation that a request would run, as the server itself finds it; nil if it runs none, and then the server's own
  /// answer tells so.
  package let operation: @Sendable (HTTPRequest) -> String?
  /// The answer to a request that is refused.
  package let answer: @Sendable (HTTPRequest, AccessDenial) -> Answer

  /// Makes the access of a server.
  package init(
    to server: AccessMatrix.Server, rules: StaticAccess, identification: CallerIdentification,
    operation: @escaping @Sendable (HTTPRequest) -> String?,
    answer: @escaping @Sendable (HTTPRequest, AccessDenial) -> Answer
  ) {
    self.server = server
    self.rules = rules
    self.identification = identification
    self.operation = operation
    self.answer = answer
  }

  package func decide(on request: HTTPRequest, from caller: Caller) -> AccessDecision {
    let user: User
    let operation = operation(request)
    let requirement = operation.flatMap { matrix.requirement(of: $0, at: server) }
    if needsTLS, !caller.isSecure, !caller.isLoopback {
      // What it shows is not looked at: others may have read it.
      return isOpen(requirement) ? .allowed(Caller(caller, is: .anonymous)) : Self.plaintextRefusal
    }
    do throws(CallerIdentification.Fault) {
      user = try identification.user(of: request, from: caller)
    } catch {
      // Health checks and the page itself are for everybody; at the API a token that does not count is told at once, as in Kuma.
      if requirement == .nothing, server != .api { return .allowed(Caller(caller, is: .anonymous)) }
      return refusal(of: request, error)
    }
    var known = Caller(caller, is: user)
    // Everybody without a name, and on this machine, has the same one.
    if user != .anonymous, user != .admin || !(caller.isLoopback || identification.isUnprotected) {
      known.identity = user.name
    }
    guard let operation else { return .allowed(known) }
    switch requirement {
    case .nothing?, .proxy?: return .allowed(known)
    case .permission(let permission)?:
      if rules.allows(user, permission) { return .allowed(known) }
      guard user != .anonymous else {
        return refusal(of: request, .unauthenticated, "nothing was shown, and \(permission.rawValue) is needed")
      }
      return refusal(
        of: request, .forbidden(user, action: permission.action),
        "\(user) does not have the permission \(permission.rawValue)")
    case nil:
      return refusal(
        of: request, .forbidden(user, action: "this operation"),
        "\(operation) is not in the access matrix, so that nobody may run it")
    }
  }

  /// The answer to a request that was let in before, if it would be refused now.
  package func refusal(of request: HTTPRequest, from caller: Caller) -> Answer? {
    guard case .refused(var answer, let reason) = decide(on: request, from: caller) else { return nil }
    answer.refusalReason = reason
    return answer
  }

  /// Whether everybody may run an operation.
  private func isOpen(_ requirement: AccessMatrix.Requirement?) -> Bool {
    switch requirement {
    case .nothing?: true
    case .permission(let permission)?: rules.allows(.anonymous, permission)
    case .proxy?, nil: false
    }
  }

  /// The answer to a request that has to come over TLS. The connection ends: the client has to open another one.
  private static var plaintextRefusal: AccessDecision {
    let refusal = RequestRefusal.plaintext
    var answer = Answer.text(refusal.sentence(hostSetting: "", originSetting: nil) + "\n", refusal.status)
    answer.fields[.connection] = "close"
    return .refused(answer, reason: "the request came without TLS, so that others may have read what it shows")
  }

  private func refusal(of request: HTTPRequest, _ fault: CallerIdentification.Fault) -> AccessDecision {
    switch fault {
    case .invalid(let reason): refusal(of: request, .unauthenticated, reason)
    case .forged(let reason): refusal(of: request, .forged, reason)
    }
  }

  private func refusal(of request: HTTPRequest, _ denial: AccessDenial, _ reason: String) -> AccessDecision {
    var answer = answer(request, denial)
    // https://www.rfc-editor.org/rfc/rfc6750#section-3
    if denial == .unauthenticated { answer.fields[.wwwAuthenticate] = "Bearer" }
    answer.fields[.cacheControl] = "no-store"
    answer.operation = operation(request)
    return .refused(answer, reason: reason)
  }
}

extension Caller {
  /// The caller with the name and groups of a user.
  fileprivate init(_ caller: Caller, is user: User) {
    self = caller
    name = user.name
    groups = user.groups.sorted()
  }
}
