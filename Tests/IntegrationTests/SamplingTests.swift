import MeshModel
import MeshTestSupport
import Testing

/// Which requests real Envoys trace, by their ids.
@Suite(
  "Sampling", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct SamplingTests {
  /// Ids as callers make them.
  private static let ids = [
    // UUIDs of version 4, which are random. Divided by 10,000, their first parts leave 688, 1,000 and 0.
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "000f4628-96fd-4f3a-b3a1-6f1f5f0d0a11",
    "1c9c3800-1d3c-4a6a-8d1b-2f1f6a0d7b01",
    // UUIDs of version 7, which begin with the time: all of a minute are alike. These leave 4,192, and those 0.
    "019ad4a0-1f00-7abc-8def-0123456789ab", "019ad4a0-ffff-7abc-8def-0123456789ac",
    "019aeb50-1f00-7abc-8def-0123456789ad", "019aeb50-ffff-7abc-8def-0123456789ae",
    // ULIDs, whose digits are not hexadecimal, and words.
    "01KB8T4ZW0Q7Y6N3M2K1J0H9G8", "01KB8T4ZW0ZZZZZZZZZZZZZZZZ", "order-0815", "a",
    // Digits alone are hexadecimal digits.
    "00000999-x", "20251128-17",
  ]

  /// Whether Envoy 1.40 traces a request below 100 %: by its id's first eight characters.
  private static func isChosen(_ id: String, steps: UInt32) -> Bool {
    guard id.utf8.count >= 8, let number = UInt32(id.prefix(8), radix: 16) else { return false }
    return number % 10_000 < steps
  }

  /// The header by which a caller has its request traced, or not.
  private static func asking(_ sampled: Int) -> [String: String] {
    ["x-b3-traceid": "463ac35c9f6413ad", "x-b3-spanid": "463ac35c9f6413ad", "x-b3-sampled": "\(sampled)"]
  }

  /// Sends a request for each id to `web`, and through its proxy to `api`; the path tells what is expected.
  private static func send(_ name: String, in system: TracingSystem, expecting: (String) -> Bool) async throws {
    let web = try system.proxy("web")
    for id in ids {
      let path = "/\(name)-\(expecting(id) ? "traced" : "not")"
      for port in [web.inboundPort, web.outboundPort] {
        let answer = try await HTTPProbe.get(port: port, path, headers: ["x-request-id": id])
        #expect(answer?.status == 200)
      }
    }
    for sampled in [0, 1] {
      let path = "/\(name)-asked-\(sampled)"
      #expect(try await HTTPProbe.get(port: web.inboundPort, path, headers: asking(sampled))?.status == 200)
    }
  }

  private static func apply(_ percent: String, in system: TracingSystem) async throws {
    let mesh = TracingSystem.mesh(backends: [("recorder", try await system.recorderURL())], sampling: percent)
    try await system.controlPlane.apply(mesh)
    let wanted = Double(percent) ?? 0
    for proxy in system.proxies {
      try await proxy.waitForTracing("\(percent) %") { tracing in
        guard let sampling = tracing["overall_sampling"] else { return false }
        return (sampling["value"]?.number ?? 0) == wanted
      }
    }
  }

  /// Waits until as many spans of a path are there as there are to be, and no more.
  private static func wait(_ path: String, _ count: Int, in system: TracingSystem) async throws {
    try await eventually("\(count) spans of \(path)") {
      system.recorder.spans(path: path).count >= count
    }
    #expect(system.recorder.spans(path: path).count == count, "\(path)")
  }

  @Test("every request at 100 %, those that the id chooses at 10 %, none at 0 %; callers decide for their own traces")
  func ids() async throws {
    try await TracingSystem.run { system in
      try await system.controlPlane.apply(
        TracingSystem.mesh(backends: [("recorder", try await system.recorderURL())]) + "---\n"
          + TracingSystem.policy(backend: "recorder"))
      let web = try system.proxy("web")
      func notTraceable() async throws -> Int {
        try await web.counters("not_traceable").values.reduce(0, +)
      }

      try await Self.apply("100", in: system)
      let before = try await notTraceable()
      try await Self.send("all", in: system) { _ in true }
      #expect(try await notTraceable() == before)

      try await Self.apply("10", in: system)
      let chosen = Self.ids.count { Self.isChosen($0, steps: 1000) }
      #expect((1..<Self.ids.count).contains(chosen), "some are and some are not")
      try await Self.send("tenth", in: system) { Self.isChosen($0, steps: 1000) }
      // What was asked for by a caller has an id of Envoy's, which may be one of the chosen.
      let lost = try await notTraceable() - before
      #expect((2 * (Self.ids.count - chosen)...2 * (Self.ids.count - chosen) + 2).contains(lost), "\(lost) are counted")

      try await Self.apply("0", in: system)
      try await Self.send("none", in: system) { _ in false }
      try await Self.apply("100", in: system)
      try await Self.send("again", in: system) { _ in true }

      // A request to web's inbound leaves one span, one through its outbound two.
      try await Self.wait("/again-traced", 3 * Self.ids.count, in: system)
      try await Self.wait("/all-traced", 3 * Self.ids.count, in: system)
      try await Self.wait("/tenth-traced", 3 * chosen, in: system)
      for name in ["all", "tenth", "none", "again"] {
        try await Self.wait("/\(name)-asked-1", 1, in: system)
        #expect(system.recorder.spans(path: "/\(name)-asked-0").isEmpty)
        #expect(system.recorder.spans(path: "/\(name)-not").isEmpty)
      }
    }
  }
}
