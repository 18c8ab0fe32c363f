package import HTTPTypes
package import MeshAccess

/// Why a server refuses a request, as far as the client may know.
package enum AccessDenial: Sendable, Hashable {
  /// The client has to show who it is, or what it showed does not count. It does not learn why.
  case unauthenticated
  /// The client is known, and may not do it.
  case forbidden(User, action: String)
  /// The client shows a session, and the session's page did not send the request.
  case forged

  /// The status of the answer.
  package var status: HTTPResponse.Status {
    switch self {
    case .unauthenticated: .unauthorized
    case .forbidden, .forged: .forbidden
    }
  }

  /// The title of the answer. Source: Kuma 2.7.
  package var title: String {
    switch self {
    case .unauthenticated: "Invalid authentication data"
    case .forbidden, .forged: "Access Denied"
    }
  }

  /// What the answer says. Source: Kuma 2.7.
  package var detail: String {
    switch self {
    case .unauthenticated: "Unauthenticated"
    case .forbidden(let user, let action): "user \"\(user)\" cannot access \(action)"
    case .forged: "the request does not come from the page of the session"
    }
  }
}

extension User: CustomStringConvertible {
  /// The form that messages of Kuma have: `name/group,group`.
  package var description: String { "\(name)/\(groups.sorted().joined(separator: ","))" }
}
