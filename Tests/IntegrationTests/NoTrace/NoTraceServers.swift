import AsyncHTTPClient
import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshTestSupport
import NIOCore
import NIOHTTP1
import Synchronization
import TraceHeaders

/// A server at the port of the control plane's own collector, at another address of this machine, to which reports are sent as to the
/// own collector.
final class BesideCollector: Sendable {
  /// What it does with reports.
  enum Behaviour: Sendable {
    /// Answers 202 and throws them away.
    case swallows
    /// Passes them on, but for one in so many, which it answers with 503.
    case loses(oneIn: Int)
  }

  let host: String
  private let behaviour: Behaviour
  private let reports = Atomic(0)

  init(host: String, _ behaviour: Behaviour) {
    self.host = host
    self.behaviour = behaviour
  }

  /// How many reports have come.
  var count: Int { reports.load(ordering: .relaxed) }

  /// Serves until the task is cancelled.
  func serve(collectorPort: Int, onPort: @escaping @Sendable (Int) -> Void) async throws {
    try await LoopbackServer.serve(
      host: host, port: collectorPort,
      { [self] request, body in
        let isReport = request.method == .post && request.path == "/api/v2/spans"
        if isReport {
          let number = reports.add(1, ordering: .relaxed).newValue
          switch behaviour {
          case .swallows: return (HTTPResponse(status: .accepted), [])
          case .loses(let oneIn) where number.isMultiple(of: oneIn):
            return (HTTPResponse(status: .serviceUnavailable), [])
          case .loses: break
          }
        }
        return await Self.pass(request, body, to: collectorPort)
      }, onPort: onPort)
  }

  private static func pass(
    _ request: HTTPRequest, _ body: [UInt8], to port: Int
  ) async -> (HTTPResponse, [UInt8]) {
    var onward = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(request.path ?? "/")")
    onward.method = .init(rawValue: request.method.rawValue)
    for field in request.headerFields where field.name == .contentType || field.name == .contentEncoding {
      onward.headers.add(name: field.name.canonicalName, value: field.value)
    }
    if let authority = request.authority { onward.headers.add(name: "host", value: authority) }
    if !body.isEmpty { onward.body = .bytes(ByteBuffer(bytes: body)) }
    do {
      let answer = try await HTTPClient.shared.execute(onward, timeout: .seconds(10))
      let content = try await answer.body.collect(upTo: 1 << 20)
      return (HTTPResponse(status: .init(code: Int(answer.status.code))), Array(content.readableBytesView))
    } catch {
      return (HTTPResponse(status: .badGateway), [])
    }
  }
}

/// A service that calls the next one for each request, and copies the headers of the trace or forgets them.
final class CallingApplication: Sendable {
  private let next = Mutex<Int?>(nil)
  private let copies: Bool

  init(copies: Bool) { self.copies = copies }

  /// Has it call a port of 127.0.0.1, which is an outbound of its proxy.
  func call(_ port: Int) { next.withLock { $0 = port } }

  /// Serves until the task is cancelled.
  func serve(onPort: @escaping @Sendable (Int) -> Void) async throws {
    try await LoopbackServer.serve(
      { [self] request, _ in
        guard let port = next.withLock({ $0 }) else { return (HTTPResponse(status: .ok), []) }
        var call = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(request.path ?? "/")")
        if copies {
          for field in request.headerFields where ForwardedHeaders.forZipkin.contains(field.name.canonicalName) {
            call.headers.add(name: field.name.canonicalName, value: field.value)
          }
        }
        let answer = try? await HTTPClient.shared.execute(call, timeout: .seconds(10))
        _ = try? await answer?.body.collect(upTo: 1 << 20)
        return (HTTPResponse(status: answer.map { .init(code: Int($0.status.code)) } ?? .badGateway), [])
      }, onPort: onPort)
  }
}
