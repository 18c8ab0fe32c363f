package import HTTPService
package import HTTPTypes
import MeshModel
import MeshXDS
package import ProxyEvidence

/// Answers `POST /evidence`, by which a `kuma-dp` tells what its Envoy has counted.
package struct EvidenceResponder: Sendable {
  static let operation = Operation(
    .post, EvidenceReport.path, "Takes what the Envoy of a proxy has counted of tracing.")

  private let admission: EvidenceAdmission
  private let take: @Sendable (EvidenceReport) -> EvidenceVerdict
  private let isAwaited: @Sendable (EvidenceReport) -> Bool

  /// - Parameters:
  ///   - admission: checks who reports.
  ///   - isAwaited: whether more is wanted soon of the proxy whose report was kept.
  ///   - take: takes a report.
  package init(
    admission: EvidenceAdmission, isAwaited: @escaping @Sendable (EvidenceReport) -> Bool = { _ in false },
    take: @escaping @Sendable (EvidenceReport) -> EvidenceVerdict
  ) {
    self.admission = admission
    self.take = take
    self.isAwaited = isAwaited
  }

  /// Answers a request.
  package func respond(to request: HTTPRequest, body: [UInt8], from caller: Caller) async -> Answer {
    var answer = await self.answer(body, authorization: request.headerFields[.authorization])
    answer.operation = Self.operation.name
    return answer
  }

  private func answer(_ body: [UInt8], authorization: String?) async -> Answer {
    let report: EvidenceReport
    do {
      report = try EvidenceReport(json: body)
    } catch {
      return Self.text(.badRequest, "the report cannot be read: \(error.message)")
    }
    let pass: EvidenceAdmission.Pass
    do throws(SessionRefusal) {
      pass = try await admission.check(mesh: report.mesh, name: report.name, authorization: authorization)
    } catch {
      return Self.answer(error, of: report)
    }
    switch take(report) {
    case .kept:
      var answer = Answer(isAwaited(report) ? .accepted : .noContent)
      // The next connection may lead to the control plane that has the stream, where the evidence is looked for.
      if !pass.isConnected { answer.fields[.connection] = "close" }
      return answer
    case .wholeWanted:
      return Self.text(
        .conflict, "what this Envoy counted before is not known here; send all statistics, with \"whole\": true")
    case .full:
      return Self.text(
        .serviceUnavailable,
        "there is evidence of as many proxies as this control plane keeps; send it again later")
    }
  }

  private static func answer(_ refusal: SessionRefusal, of report: EvidenceReport) -> Answer {
    let status: HTTPResponse.Status =
      switch refusal.code {
      case .unauthenticated: .unauthorized
      case .permissionDenied: .forbidden
      case .notFound: .notFound
      case .invalidArgument, .unimplemented: .badRequest
      case .unavailable, .resourceExhausted, .deadlineExceeded: .serviceUnavailable
      }
    var answer = text(status, refusal.message)
    if [.unauthenticated, .permissionDenied].contains(refusal.code) {
      answer.refusalReason = "proxy \(report.mesh).\(report.name): \(refusal.reason)".printable(atMost: 1_000)
    }
    return answer
  }

  private static func text(_ status: HTTPResponse.Status, _ sentence: String) -> Answer {
    .text("\(sentence.printable(atMost: 1_000))\n", status)
  }
}
