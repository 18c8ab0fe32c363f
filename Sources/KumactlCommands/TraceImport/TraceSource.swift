import MeshClient
import MeshModel
import TraceFormats
import TraceModel

/// A Zipkin or a Jaeger whose traces are read over its query API.
struct TraceSource: Sendable {
  /// What a source has of a period.
  enum Answer: Sendable {
    /// All of it.
    case all(TraceListing, in: [UInt8])
    /// A part of it, and why not more; nothing if it answered with too much, too late or an error.
    case part(TraceListing?, in: [UInt8], reason: String)
  }

  /// How many traces are asked for at once. Many servers answer no more than this.
  static let limit = 1_000

  let client: ControlPlaneClient
  let form: TraceListing.Form
  /// The services that have to be asked for one by one; a source that can be asked for all has one that is nil.
  let services: [String?]

  /// Finds out which API a server has.
  ///
  /// - Parameter form: the API, if it is known.
  static func find(_ client: ControlPlaneClient, form: TraceListing.Form?) async throws -> TraceSource {
    var reasons: [String] = []
    for candidate in form.map({ [$0] }) ?? TraceListing.Form.allCases {
      let path = candidate == .zipkin ? "/api/v2/services" : "/api/services"
      let response = try await client.exchange(.get, path)
      let document = try? DocumentValue(json: response.body)
      // Pages answer any path with themselves.
      // A Jaeger without services answers null.
      let names = candidate == .zipkin ? document?.array : document?["data"].flatMap { $0 == .null ? [] : $0.array }
      if response.status == 200, let names {
        let services = names.compactMap(\.string)
        return TraceSource(client: client, form: candidate, services: candidate == .zipkin ? [nil] : services)
      }
      reasons.append("\(path) with status \(response.status)\(response.status == 200 ? ", but not a list" : "")")
    }
    throw CommandFailure(
      "\(client.address) is not a Zipkin or a Jaeger that can be asked for traces: it answered \(reasons.joined(separator: ", "))"
        + "; give the address of its query API, such as http://zipkin:9411 or http://jaeger:16686")
  }

  /// Asks for the traces of a period.
  func traces(_ period: ImportPeriods.Period, service: String?) async throws -> Answer {
    let path: String
    switch form {
    case .zipkin:
      path = "/api/v2/traces?endTs=\(period.end)&lookback=\(max(1, period.end - period.start))&limit=\(Self.limit)"
    case .jaeger:
      path =
        "/api/traces?service=\(ControlPlaneClient.escape(service ?? ""))&start=\(period.start * 1_000)"
        + "&end=\(period.end * 1_000)&limit=\(Self.limit)&lookback=custom"
    }
    let response: ControlPlaneClient.Response
    do {
      response = try await client.exchange(.get, path)
    } catch {
      guard error.code == .tooLarge || error.code == .timedOut else { throw error }
      return .part(nil, in: [], reason: error.reason.isEmpty ? error.title : error.reason)
    }
    guard response.status == 200 else {
      let said = String(decoding: response.body.prefix(300), as: UTF8.self).printable
      let reason = "status \(response.status)\(said.isEmpty ? "" : ": \(said)")"
      guard response.status >= 500 else {
        throw CommandFailure("\(client.address) refuses to be asked for traces: \(reason)")
      }
      return .part(nil, in: [], reason: reason)
    }
    let listing: TraceListing
    do {
      listing = try TraceListing(response.body, form)
    } catch {
      throw CommandFailure("\(client.address) answered with something that cannot be read: \(error.message)")
    }
    if listing.traces.count >= Self.limit {
      return .part(listing, in: response.body, reason: "more than \(Self.limit) traces")
    }
    if response.fields["search-incomplete"] == "true" {
      return .part(listing, in: response.body, reason: "the source did not search all that it has")
    }
    return .all(listing, in: response.body)
  }
}
