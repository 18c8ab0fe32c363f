import AsyncHTTPClient
import Foundation
import MeshTestSupport
import NIOCore
import NIOHTTP1
import ProcessSupervisor
import Testing
import TraceTestSupport

/// Secrets in spans and in requests, with the program as people start it.
@Suite("Secrets and the program", .fewAtATime, .timeLimit(.minutes(60)))
struct PrivacyProcessTests {
  @Test("are in no file that it writes and no line that it prints, while every request is logged")
  func nowhere() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "privacy-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let port = try FreePort.take(1)[0]
    let log = Lines()
    let process = try ChildProcess.start(
      ChildProcess.Command(
        Programs.path("kuma-cp"),
        [
          "collector", "--work-dir", folder.path(percentEncoded: false), "--zipkin-port", "\(port)", "--no-otlp",
          "--log-level", "trace", "--log-requests",
        ],
        environment: Programs.environment.merging(["KUMA_COLLECTOR_PRIVACY_TAG_KEYS": "customer.iban"]) { $1 },
        output: .lines(log.append), errors: .lines(log.append)))
    try await eventually("the collector's health: \(log.tail())") {
      try await HTTPProbe.get(port: port, "/health")?.status == 200
    }
    let samples = SecretSamples.all
    let now = Int64(Date().timeIntervalSince1970 * 1_000_000) - 1_000_000
    var spans: [[String: Any]] = samples.enumerated().map { index, sample in
      [
        "traceId": "a", "id": String(index + 1, radix: 16), "timestamp": now, "duration": 5,
        "localEndpoint": ["serviceName": "shop"], "tags": [sample.key: sample.value],
      ]
    }
    spans.append(["traceId": "a", "id": "fff", "timestamp": now, "tags": ["customer.iban": "s3cret-iban"]])
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/api/v2/spans")
    request.method = .POST
    request.headers.add(name: "content-type", value: "application/json")
    request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: spans)))
    #expect(try await HTTPClient.shared.execute(request, timeout: .seconds(20)).status.code == 202)

    // Somebody searches for a secret, and has one in a link.
    var answers: [String] = []
    for path in [
      "/api/v2/traces?lookback=86400000&annotationQuery=http.url%3Dhttp%3A%2F%2Fh%2F%3Ftoken%3Ds3cret-search",
      "/nothing?access_token=s3cret-link", "/api/v2/trace/a", "/api/export/html/a", "/api/hidden", "/prometheus",
    ] {
      answers.append(try #require(try await HTTPProbe.get(port: port, path)).text)
    }
    #expect(answers[2].contains("REDACTED") && answers[4].contains(#""key":"customer.iban""#))
    #expect(await process.terminate(grace: .seconds(60)).isSuccess)

    var places: [(place: String, bytes: Data)] = answers.enumerated().map { ("answer \($0)", Data($1.utf8)) }
    places.append(("log", Data(log.all.joined(separator: "\n").utf8)))
    for file in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
      if let bytes = try? Data(contentsOf: folder.appending(path: file)) { places.append((file, bytes)) }
    }
    #expect(places.contains { $0.place.hasSuffix("traces.db") })
    #expect(log.all.contains { $0.contains("/api/export/html/a") }, "requests are logged: \(log.tail())")
    let secrets = samples.map(\.secret) + ["s3cret-iban", "s3cret-search", "s3cret-link"]
    for secret in secrets {
      // What was asked for is in the answer to the one who asked.
      for place in places where !(secret == "s3cret-link" && place.place == "answer 1") {
        #expect(place.bytes.range(of: Data(secret.utf8)) == nil, "\(secret) is in \(place.place)")
      }
    }
  }
}
