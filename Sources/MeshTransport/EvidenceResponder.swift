package import HTTPService
package import HTTPTypes
package import MeshModel
package import MeshXDS
package import ProxyEvidence

/// Answers `POST /evidence`, by which a `kuma-dp` tells what its Envoy has counted.
///
/// The proxy proves who it is as for its stream. Evidence is taken of proxies only that have a stream here or a Dataplane.
package struct EvidenceResponder: Sendable {
  /// What the control plane knows of proxies, and where evidence goes.
  package struct Resources: Sendable {
    /// Whether a stream of a proxy is open here.
    package var isConnected: @Sendable (_ mesh: String, _ name: String) -> Bool
    /// Finds a Dataplane by mesh and name; `nil` when there is none.
    package var dataplane: @Sendable (_ mesh: String, _ name: String) async throws -> Dataplane?
    /// Takes a report.
    package var take: @Sendable (EvidenceReport) -> EvidenceVerdict

    /// Names them.
    package init(
      isConnected: @escaping @Sendable (_ mesh: String, _ name: String) -> Bool,
      dataplane: @escaping @Sendable (_ mesh: String, _ name: String) async throws -> Dataplane?,
      take: @escaping @Sendable (EvidenceReport) -> EvidenceVerdict
    ) {
      self.isConnected = isConnected
      self.dataplane = dataplane
      self.take = take
    }
  }

  static let operation = Operation(
    .post, EvidenceReport.path, "Takes what the Envoy of a proxy has counted of tracing.")

  private let resources: Resources
  private let authenticator: (any ProxyAuthenticating)?

  /// - Parameter authenticator: checks which proxy reports; `nil` where nobody has to prove anything.
  package init(resources: Resources, authenticator: (any ProxyAuthenticating)? = nil) {
    self.resources = resources
    self.authenticator = authenticator
  }

  /// Answers a request.
  package func respond(to request: HTTPRequest, body: [UInt8], from caller: Caller) async -> Answer {
    var answer: Answer
    do throws(Refusal) {
      answer = try await take(body, token: request.headerFields[.authorization])
    } catch {
      answer = .text("\(error.message.printable(atMost: 1_000))\n", error.status)
      answer.refusalReason = error.reason?.printable(atMost: 1_000)
    }
    answer.operation = Self.operation.name
    return answer
  }

  private struct Refusal: Error {
    var status: HTTPResponse.Status
    var message: String
    /// Why, where who asks may not know it.
    var reason: String?

    init(_ status: HTTPResponse.Status, _ message: String, reason: String? = nil) {
      self.status = status
      self.message = message
      self.reason = reason
    }

    init(_ refusal: SessionRefusal, of proxy: String) {
      status =
        switch refusal.code {
        case .unauthenticated: .unauthorized
        case .permissionDenied: .forbidden
        case .notFound: .notFound
        case .invalidArgument, .unimplemented: .badRequest
        case .unavailable, .resourceExhausted, .deadlineExceeded: .serviceUnavailable
        }
      message = refusal.message
      reason = "proxy \(proxy): \(refusal.reason)"
    }
  }

  private func take(_ body: [UInt8], token: String?) async throws(Refusal) -> Answer {
    let report: EvidenceReport
    do {
      report = try EvidenceReport(json: body)
    } catch {
      throw Refusal(.badRequest, "the report cannot be read: \(error.message)")
    }
    let isConnected = try await check(report, token: token)
    switch resources.take(report) {
    case .kept:
      var answer = Answer(.noContent)
      // The next connection may lead to the control plane that has the stream, where the evidence is looked for.
      if !isConnected { answer.fields[.connection] = "close" }
      return answer
    case .wholeWanted:
      throw Refusal(
        .conflict, "what this Envoy counted before is not known here; send all statistics, with \"whole\": true")
    case .full:
      throw Refusal(
        .serviceUnavailable, "there is evidence of as many proxies as this control plane keeps; send it again later")
    }
  }

  /// Checks who reports.
  ///
  /// - Returns: whether the proxy has a stream here.
  private func check(_ report: EvidenceReport, token: String?) async throws(Refusal) -> Bool {
    let nodeID = "\(report.mesh).\(report.name)"
    var authority = ProxyAuthority.unlimited
    if let authenticator {
      guard let token = token.map(Self.bearer), !token.isEmpty else {
        throw Refusal(.unauthorized, authenticator.tokenRequired, reason: "proxy \(nodeID): it shows no token")
      }
      do throws(SessionRefusal) {
        authority = try await authenticator.authenticate(ProxyProof(nodeID: nodeID, token: token))
      } catch {
        throw Refusal(error, of: nodeID)
      }
    }
    let isConnected = resources.isConnected(report.mesh, report.name)
    // Most tokens are for a name, which is checked already.
    guard !isConnected || authority.needsDataplane else { return true }
    let dataplane: Dataplane?
    do {
      dataplane = try await resources.dataplane(report.mesh, report.name)
    } catch {
      throw Refusal(.serviceUnavailable, "the control plane's store does not answer: \(error)")
    }
    guard let dataplane else {
      guard isConnected, !authority.needsDataplane else {
        throw Refusal(
          .notFound,
          "there is no Dataplane \(report.name.quoted) in the mesh \(report.mesh.quoted), and no such proxy is connected "
            + "here; send the report again when it is")
      }
      return true
    }
    let resource = Resource(mesh: report.mesh, name: report.name, spec: .dataplane(dataplane))
    if let refusal = authority.refusal(ofStored: resource) { throw Refusal(refusal, of: nodeID) }
    return isConnected
  }

  /// The token of a field `Authorization`, with or without the name of its scheme (RFC 6750, section 2.1).
  private static func bearer(_ field: String) -> String {
    let scheme = "bearer "
    guard field.utf8.count > scheme.utf8.count, field.prefix(scheme.count).lowercased() == scheme else { return field }
    return String(field.dropFirst(scheme.count))
  }
}
