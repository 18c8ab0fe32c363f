import Foundation
import HTTPService
import HTTPTypes
import JSONText
import TraceAnalysis
import TraceFormats
import TraceModel

/// Says that this is a collector of ours, so that a control plane may let proxies send in a form that only our collector reads.
package struct ReceiverIdentity: Sendable, Hashable {
  /// The same for all our collectors, and for no other.
  package static let product = "kuma-trace"
  /// What it stores: Zipkin's JSON; Zipkin's protobuf, also with the reversed ids of Envoy; OpenTelemetry's protocol.
  package static let formats = ["zipkin-json", "zipkin-protobuf-envoy", "otlp"]

  /// The version of the program.
  package let version: String
  /// A UUID of this run of the collector.
  package let instance: String

  init(version: String) {
    self.version = version
    instance = UUID().uuidString.lowercased()
  }
}

extension CollectorAPI {
  /// Paths for control planes, which ask whether a backend is a collector of ours and whether the spans of their proxies arrive.
  static let receiverRoutes: [CollectorRoute] = [
    CollectorRoute(
      operation: Operation(
        .get, "/receiver", "Says that this is the collector of kuma-trace, and which formats of spans it stores.",
        outcomes: [CollectorRoute.outcome(.ok, "The product, its version, the run and the formats.", [MediaType.json])]),
      sender: .controlPlane, handler: CollectorAPI.receiver),
    CollectorRoute(
      operation: Operation(
        .post, "/receiver/senders",
        "Says which of the Envoys that the body names have sent spans to an authority, and how many milliseconds ago.",
        accepts: [.init(MediaType.json)],
        outcomes: [
          CollectorRoute.outcome(.ok, "The known ones of these Envoys, with their last reports.", [MediaType.json]),
          CollectorRoute.sentence(.badRequest, "The body is not valid, or names too many nodes."),
          CollectorRoute.sentence(.contentTooLarge, "The body is too large."),
          CollectorRoute.sentence(.unsupportedMediaType, "The body is of another type, or compressed."),
        ]), sender: .controlPlane, handler: CollectorAPI.askedSenders),
  ]

  private func receiver(_ request: RoutedRequest) -> Answer {
    .json { json in
      json.beginObject()
      for (name, value) in [
        ("product", ReceiverIdentity.product), ("version", identity.version), ("instance", identity.instance),
      ] {
        json.key(name)
        json.string(value)
      }
      json.key("formats")
      json.strings(ReceiverIdentity.formats)
      json.endObject()
    }
  }

  private func askedSenders(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let question = try await withTaskExecutorPreference(readingThreads) { () throws(CollectorError) in
      try SendersQuestion(request)
    }
    let arrivals = senders.arrivals(of: question.nodes, at: question.authority)
    return .json { json in
      json.beginObject()
      json.key("instance")
      json.string(identity.instance)
      json.key("senders")
      json.beginArray()
      for node in question.nodes {
        guard let arrival = arrivals[node] else { continue }
        json.beginObject()
        json.key("node")
        json.string(node)
        json.key("age")
        json.number(arrival.age)
        json.key("format")
        json.string(arrival.format)
        json.endObject()
      }
      json.endArray()
      json.endObject()
    }
  }
}

/// The body of a question about Envoys: `{"authority":"zipkin.example:9411","nodes":["default.web-1"]}`.
private struct SendersQuestion: Decodable {
  /// The host and port of the backend, as the Envoys' `Host` has them.
  var authority: String
  /// The ids of the Envoys' nodes.
  var nodes: [String]

  private static let bytesAtMost = 1 << 20
  private static let nodesAtMost = 10_000
  private static let wanted = #"{"authority":"zipkin.example:9411","nodes":["default.web-1"]}"#

  init(_ request: RoutedRequest) throws(CollectorError) {
    let type = MediaType.ofBody(request.head)
    guard type == MediaType.json, request.head.headerFields[.contentEncoding] == nil else {
      throw CollectorError(
        code: .unsupported,
        message: "the body must be sent as application/json without a content encoding, such as \(Self.wanted)")
    }
    guard request.body.count <= Self.bytesAtMost else {
      throw CollectorError(
        code: .tooLarge, message: "the body is larger than \(Self.bytesAtMost) bytes; ask for fewer nodes at once")
    }
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(request.body))
    } catch {
      throw CollectorError(code: .invalid, message: "\(Self.problem(error)); send a body such as \(Self.wanted)")
    }
    guard nodes.count <= Self.nodesAtMost else {
      throw CollectorError(
        code: .invalid, message: "nodes has \(nodes.count) elements; ask for at most \(Self.nodesAtMost) at once")
    }
  }

  /// What is wrong, with the name of the field.
  private static func problem(_ error: any Error) -> String {
    func field(_ path: [any CodingKey]) -> String {
      path.reduce("") { text, key in
        if let index = key.intValue { return "\(text)[\(index)]" }
        return text.isEmpty ? key.stringValue : "\(text).\(key.stringValue)"
      }
    }
    switch error {
    case DecodingError.keyNotFound(let key, _): return "\(key.stringValue) is missing"
    case DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context):
      let name = field(context.codingPath)
      let wanted = type == String.self ? "a text" : name.isEmpty ? "an object" : "a list of texts"
      return "\(name.isEmpty ? "the body" : name) must be \(wanted)"
    default: return "the body is not valid JSON"
    }
  }
}
