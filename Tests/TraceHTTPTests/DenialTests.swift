import Foundation
import HTTPService
import HTTPTypes
import Testing

@testable import TraceHTTP

/// What a client gets that has to authenticate, or that may not do what it asks for.
@Suite struct DenialTests {
  private func request(_ path: String, _ method: HTTPRequest.Method = .post, type: String? = nil) -> HTTPRequest {
    var request = HTTPRequest(method: method, scheme: "https", authority: "collector.example", path: path)
    request.headerFields[.contentType] = type
    return request
  }

  @Test("Zipkin's senders get a sentence, which they do not answer by sending again")
  func zipkin() {
    for path in ["/api/v2/spans", "/api/v1/spans"] {
      let answer = CollectorAPI.refuse(request(path), because: .unauthenticated)
      #expect(answer.status == .unauthorized && answer.fields[.retryAfter] == nil)
      #expect(
        String(decoding: answer.body, as: UTF8.self)
          == "spans are accepted with a token: send the header Authorization: Bearer TOKEN, with the ingest token of the "
          + "mesh\n")
      #expect(CollectorAPI.refuse(request(path), because: .forbidden("no")).status == .forbidden)
    }
  }

  @Test("OpenTelemetry's exporters get a google.rpc.Status in their own form, with a status that they do not retry")
  func exporters() throws {
    // https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
    let retried = [429, 502, 503, 504]
    for (denial, status, code) in [
      (CollectorAPI.Denial.unauthenticated, 401, 16),
      (.forbidden("user \"a\" cannot access the intake of spans"), 403, 7),
    ] {
      let json = CollectorAPI.refuse(request("/v1/traces", type: "application/json"), because: denial)
      #expect(json.status.code == status && !retried.contains(status) && json.fields[.retryAfter] == nil)
      #expect(json.fields[.contentType] == "application/json")
      let text = String(decoding: json.body, as: UTF8.self)
      #expect(text.hasPrefix("{\"code\":\(code),\"message\":\""))
      let protobuf = CollectorAPI.refuse(request("/v1/traces", type: "application/x-protobuf"), because: denial)
      #expect(protobuf.status.code == status && protobuf.fields[.contentType] == "application/x-protobuf")
      #expect(Array(protobuf.body.prefix(3)) == [0x08, UInt8(code), 0x12])
    }
  }

  @Test("Readers are told to sign in")
  func readers() {
    for (path, method) in [("/api/v2/traces", HTTPRequest.Method.get), ("/api/import", .post), ("/api/trees", .post)] {
      let answer = CollectorAPI.refuse(request(path, method), because: .unauthenticated)
      #expect(answer.status == .unauthorized && answer.fields[.cacheControl] == "no-store")
      #expect(
        String(decoding: answer.body, as: UTF8.self)
          == "sign in, or send the header Authorization: Bearer TOKEN, with a user token\n")
    }
  }
}
