import TestSupport
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceModel

/// Valid bodies, changed at random, the same way in each run.
@Suite(.heavy) struct ParserFuzzTests {
  private static let v1 = #"""
    [{"traceId":"1","id":"2","parentId":"1","name":"GET","timestamp":10,"duration":100,"debug":true,"annotations":[
    {"value":"cs","timestamp":10,"endpoint":{"serviceName":"web","ipv4":"10.0.0.1","port":80}},
    {"value":"sr","timestamp":30,"endpoint":{"serviceName":"app","ipv6":"::1"}},
    {"value":"ss","timestamp":9223372036854775807,"endpoint":{"serviceName":"app"}},
    {"value":"cr","timestamp":-9223372036854775808,"endpoint":{"serviceName":"web"}},
    {"value":"ms","timestamp":1,"endpoint":{"serviceName":"m"}},{"value":"mr","timestamp":1,"endpoint":{"serviceName":"m"}}],
    "binaryAnnotations":[{"key":"sa","value":true,"endpoint":{"serviceName":"app"}},{"key":"a\u00e9","value":"b"}]}]
    """#

  private static let bodies: [(format: SpanFormat, body: [UInt8])] = [
    (.zipkinJSON, Array(ZipkinSample.json.utf8)), (.zipkinV1JSON, Array(v1.utf8)),
    (.file, Array("[\(ZipkinSample.json),[]]".utf8)), (.file, Array(JaegerSample.json.utf8)),
    (.file, Array((v1 + "\n" + OTLPSample.json).utf8)), (.zipkinProtobuf, ZipkinSample.protobuf),
    (.otlpProtobuf, OTLPSample.protobuf), (.otlpJSON, Array(OTLPSample.json.utf8)),
  ]

  private static let interesting: [[UInt8]] = [
    [0], [0xFF], [0x80], [0x7F], Array(repeating: 0xFF, count: 10), Array("\"".utf8), Array("\\".utf8),
    Array("null".utf8), Array("-".utf8), Array("9223372036854775808".utf8), Array("1e999".utf8), Array("{".utf8),
    Array("[".utf8), Array("]".utf8), Array("}".utf8), Array(":".utf8), Array(",".utf8), Array("\\ud800".utf8),
  ]

  private static func change(_ body: inout [UInt8], _ random: inout SeededGenerator) {
    guard !body.isEmpty else { return }
    let index = Int.random(in: 0..<body.count, using: &random)
    switch Int.random(in: 0..<6, using: &random) {
    case 0: body[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: body[index] = .random(in: .min ... .max, using: &random)
    case 2: body.remove(at: index)
    case 3: body.insert(contentsOf: interesting.randomElement(using: &random) ?? [], at: index)
    case 4: body.removeSubrange(index..<min(body.count, index + .random(in: 1...16, using: &random)))
    default:
      let end = min(body.count, index + .random(in: 1...32, using: &random))
      body.insert(contentsOf: Array(body[index..<end]), at: Int.random(in: 0...body.count, using: &random))
    }
  }

  @Test("Changed bodies are read or refused, none traps", arguments: bodies.indices)
  func mutations(index: Int) throws {
    let (format, body) = Self.bodies[index]
    let limits = CollectorLimits()
    #expect(try format.parse(body, limits: limits).spans.isEmpty == false)
    var random = SeededGenerator(seed: UInt64(index) &+ 1)
    var outcomes = (read: 0, refused: 0)
    for _ in 0..<4_000 {
      var changed = body
      for _ in 0..<Int.random(in: 1...6, using: &random) { Self.change(&changed, &random) }
      do {
        let result = try format.parse(changed, limits: limits)
        #expect(result.spans.count == result.indices.count)
        // Whatever was read is as it must be: it can be written and read again.
        for span in result.spans { #expect(span.id != 0) }
        outcomes.read += 1
      } catch {
        #expect(!error.message.isEmpty)
        outcomes.refused += 1
      }
    }
    // Both happen, or the changes are too small or too large to find anything.
    #expect(outcomes.read > 50)
    #expect(outcomes.refused > 50)
  }
}
