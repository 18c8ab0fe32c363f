import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import TraceHeaders

/// A small HTTP service that calls others and passes the trace on.
///
/// It knows nothing of tracing but some headers, which it copies from a request to the requests that it makes for it. That
/// is all that a service has to do; the proxies do the rest. Asked for `/break` it stops doing so, as a service whose
/// authors have not heard of it, and asked for `/mend` it begins again.
final class ShopService: Sendable {
  /// A service that is called.
  struct Call: Sendable {
    var name: String
    var url: String
    /// Whom the request is for, by which proxies name their spans; the host of the URL when `nil`.
    var host: String?
  }

  private static let forwardedNames = ForwardedHeaders.all.compactMap { HTTPField.Name($0) }

  private let name: String
  private let calls: [Call]
  private let failsEvery: Int?
  private let workMilliseconds: Int
  private let count = Atomic(0)
  private let forwards = Atomic(true)

  init(name: String, calls: [Call], failsEvery: Int?, workMilliseconds: Int) {
    self.name = name
    self.calls = calls
    self.failsEvery = failsEvery
    self.workMilliseconds = workMilliseconds
  }

  /// Answers `/health`, `/break` and `/mend`, which do no work, and any other path by working, calling and working again.
  func respond(to request: Request) async throws -> Response {
    switch request.uri.path {
    case "/health": return try Self.response(.ok, ShopAnswer(service: name))
    case "/break", "/mend":
      forwards.store(request.uri.path == "/mend", ordering: .relaxed)
      return try Self.response(.ok, ShopAnswer(service: name))
    default: break
    }
    let number = count.wrappingAdd(1, ordering: .relaxed).newValue
    let headers = Self.forwardedNames.compactMap { name in
      request.headers[name].map { (name: name.canonicalName, value: $0) }
    }
    var answer = ShopAnswer(service: name)
    answer.traceId = Self.traceID(headers)
    try await work()
    if let failsEvery, number.isMultiple(of: failsEvery) {
      answer.isDeliberate = true
      answer.error = "\(name) fails one of \(failsEvery) requests, and this is the one"
      return try Self.response(.serviceUnavailable, answer)
    }
    for call in calls {
      let (called, error) = await ask(call, forwards.load(ordering: .relaxed) ? headers : [])
      if let called { answer.calls.append(called) }
      if let error {
        answer.error = error
        return try Self.response(.serviceUnavailable, answer)
      }
      try await work()
    }
    return try Self.response(.ok, answer)
  }

  /// The trace that a request belongs to, by whichever header says so.
  static func traceID(_ headers: [(name: String, value: String)]) -> String? {
    func value(_ name: String) -> String? { headers.first { $0.name == name }?.value }
    if let id = value("x-b3-traceid") { return id }
    // `b3: <trace>-<span>-<sampled>`, or the last part alone; `traceparent: <version>-<trace>-<span>-<flags>`.
    if let parts = value("b3")?.split(separator: "-"), parts.count > 1 { return String(parts[0]) }
    if let parts = value("traceparent")?.split(separator: "-"), parts.count > 2 { return String(parts[1]) }
    return nil
  }

  /// Asks another service through this service's own proxy.
  private func ask(
    _ call: Call, _ headers: [(name: String, value: String)]
  ) async -> (answer: ShopAnswer?, error: String?) {
    do {
      let answer = try await ServiceClient().get(call.url, host: call.host, headers: headers)
      let isFine = (200..<300).contains(answer.status)
      return (answer.decoded(), isFine ? nil : "\(call.name) answered \(answer.status)")
    } catch {
      return (nil, "\(call.name) did not answer: \(error)")
    }
  }

  private func work() async throws {
    let microseconds = workMilliseconds * 1000
    try await Task.sleep(for: .microseconds(Int.random(in: microseconds / 2...max(microseconds, 1))))
  }

  private static func response(_ status: HTTPResponse.Status, _ answer: ShopAnswer) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    var bytes = Array(try encoder.encode(answer))
    bytes.append(UInt8(ascii: "\n"))
    return Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}

/// What a service answers.
struct ShopAnswer: Codable, Sendable {
  var service: String
  /// The trace that the request belongs to, if it came with one.
  var traceId: String?
  /// What the services answered that were called for it.
  var calls: [ShopAnswer] = []
  /// Why it failed, if it did.
  var error: String?
  /// Whether it failed by itself, as it is meant to now and then.
  var isDeliberate: Bool?

  /// Whether it failed because a service is meant to.
  var failedOnPurpose: Bool { isDeliberate == true || calls.contains(where: \.failedOnPurpose) }
}
