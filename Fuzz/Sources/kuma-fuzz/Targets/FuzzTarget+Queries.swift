import Foundation
import HTTPService
import HTTPTypes
import TraceFormats
import TraceHTTP
import TraceModel
import TraceStore

extension FuzzTarget {
  /// What readers of traces send to the collector.
  static let queries: [FuzzTarget] = [
    FuzzTarget(
      "search", "queries of traces, answered by a store with spans",
      // The page around a trace is the same for each.
      bounds: FuzzBounds(memory: .init(16 << 20, perByte: 1_024), allocations: .init(600_000, perByte: 100)),
      samples: [
        "/api/v2/traces?serviceName=front&annotationQuery=error%20and%20http.method=GET&limit=2&minDuration=1",
        "/api/v2/traceMany?traceIds=1,2", "/api/trees/1", "/api/graph?lookback=1", "/api/export/jaeger/1",
      ]
    ) { bytes in
      let target = String(decoding: bytes, as: UTF8.self)
      // A request that waits for spans would wait for ever.
      let query = QueryParameters(RequestTarget(target).query, decoding: .lenient)
      guard query.first("wait") == nil else { return 0 }
      let request = HTTPRequest(method: .get, scheme: "http", authority: "localhost:9411", path: target)
      let answer = blocking { await SmallCollector.shared.api.respond(to: request) }
      require(answer.status.code < 500, "\(target) is answered with \(answer.status)")
      return answer.body.count / 65_536
    },
    FuzzTarget(
      "gzip", "compressed files of traces, as the collector shows them without storing them",
      // A mebibyte may come out of any input, and two hundred times the input beyond that.
      bounds: FuzzBounds(
        memory: .init(64 << 20, perByte: 16_384), allocations: .init(1_000_000, perByte: 20_000),
        output: .init(4_096, perByte: 8)),
      samples: ["\u{1f}", "[]"]
    ) { bytes in
      var request = HTTPRequest(method: .post, scheme: "http", authority: "localhost:9411", path: "/api/trees")
      request.headerFields[.contentEncoding] = "gzip"
      let answer = blocking { [request] in await SmallCollector.shared.api.respond(to: request, body: bytes) }
      require(answer.status.code < 500, "the file is answered with \(answer.status)")
      return answer.body.count / 1_024
    },
  ]
}

/// A collector over a store in the folder for temporary files, with a few spans.
private struct SmallCollector: Sendable {
  static let shared = SmallCollector()

  let api: CollectorAPI

  private init() {
    do {
      let folder = FileManager.default.temporaryDirectory.appending(path: "kuma-fuzz-\(getpid())")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let store = try SegmentStore(path: folder.appending(path: "traces.db").path)
      let spans = try SpanFormat.zipkinJSON.parse(Array(Self.spans().utf8), limits: store.limits).spans
      let stored = blocking { () async -> Bool in (try? await store.add(spans)) != nil }
      guard stored else { fatalError("the spans cannot be stored") }
      api = CollectorAPI(store: store)
    } catch { fatalError("there is no store: \(error)") }
  }

  /// Ten traces of four services in Zipkin's JSON.
  private static func spans() -> String {
    let services = ["front", "cart", "stock", "pay"]
    let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
    let spans = (1...10).flatMap { trace in
      services.indices.map { place in
        """
        {"traceId":"\(trace)","id":"\(trace)\(place + 1)","parentId":"\(trace)\(place)","kind":"SERVER","name":"get /",
        "timestamp":\(now),"duration":\(100 * (place + 1)),"localEndpoint":{"serviceName":"\(services[place])"},
        "tags":{"http.method":"GET","http.status_code":"\(trace % 3 == 0 ? 503 : 200)"\(trace % 3 == 0 ? #","error":"true""# : "")}}
        """
      }
    }
    return "[\(spans.joined(separator: ","))]"
  }
}
