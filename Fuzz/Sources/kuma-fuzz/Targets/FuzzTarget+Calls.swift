import HTTPService
import HTTPTypes
import Logging
import NIOCore
import NIOHPACK
import TraceFormats
import TraceHTTP
import TraceModel

extension FuzzTarget {
  /// What exporters call over gRPC.
  static let calls: [FuzzTarget] = [
    FuzzTarget(
      "grpc-call", "calls of OTLP over gRPC, up to the spans: lines of metadata, an empty line, and what is sent",
      // A message may be compressed: 64 KiB may come out of any input, and two hundred times the input beyond that.
      bounds: FuzzBounds(
        memory: .init(16 << 20, perByte: 16_384), allocations: .init(200_000, perByte: 20_000),
        output: .init(64, perByte: 200)),
      samples: ["grpc-encoding: gzip\n\n\u{1}\0\0\0\u{1}\u{1f}", "\n\n\0\0\0\0\u{2}\u{a}\0"]
    ) { bytes in GRPCCall(bytes).spans() }
  ]
}

/// A call of OTLP over gRPC.
private struct GRPCCall {
  /// What the memory for messages has left, in bytes.
  private static let budget = 1 << 20
  /// As much as a client gets in its headers, by default of many of them.
  private static let headerBytes = 8 << 10
  private static let calls = UnaryCalls(
    methods: CollectorAPI.calls, advice: CollectorAPI.callAdvice, counts: FrameCounts(),
    logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
  private static let limits: CollectorLimits = {
    var limits = CollectorLimits()
    limits.freelyUnpackedBytes = 64 << 10
    return limits
  }()

  /// The headers that each call has, where the input has no others.
  private static let usual = [
    (":method", "POST"), (":path", CollectorAPI.calls.keys.first ?? ""), (":authority", "localhost:4317"),
    ("content-type", "application/grpc"),
  ]

  private let headers: HPACKHeaders
  /// What the call sends.
  private let sent: ArraySlice<UInt8>

  /// Reads the metadata, up to an empty line. Without one there is none, and all of the input is sent.
  init(_ bytes: [UInt8]) {
    var headers = HPACKHeaders()
    var sent = bytes[...]
    if let end = bytes.firstRange(of: Array("\n\n".utf8)) {
      sent = bytes[end.upperBound...]
      for line in String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\n").prefix(64) {
        // Names such as `:path` begin with a colon.
        let parts = line.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
        // Other names do not come out of a connection's headers.
        guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
          continue
        }
        headers.add(name: parts[0].lowercased(), value: String(parts[1]))
      }
    }
    for (name, value) in Self.usual where !headers.contains(name: name) { headers.add(name: name, value: value) }
    self.headers = headers
    self.sent = sent
  }

  /// Reads the call as a server does. Returns how many spans it has.
  func spans() -> Int {
    let head: CallHead
    do throws(CallHead.Failure) {
      head = try CallHead(headers, Self.calls, isSecure: false)
    } catch {
      switch error {
      case .notACall(let status, let sentence), .refused(let status, let sentence):
        return end(.text(sentence + "\n", status))
      }
    }
    let message = message(head, inPartsOf: sent.count)
    require(message == self.message(head, inPartsOf: 7), "a message in parts is not the same as in one piece")
    switch message {
    case .failure(.tooLarge): return end(.text("too large", .contentTooLarge))
    case .failure(.noMemory): return end(.text("busy", .serviceUnavailable))
    case .failure(.malformed(let reason)): return end(.text(reason + "\n", .badRequest))
    case .success(let content):
      do throws(CollectorError) {
        let bytes =
          content.isCompressed
          ? try CompressedBody.inflate(content.bytes, limit: Self.limits.bodyBytes, limits: Self.limits)
          : content.bytes
        return try SpanFormat.otlpProtobuf.parse(bytes, limits: Self.limits).spans.count
      } catch {
        return end(.text(error.message, .badRequest))
      }
    }
  }

  /// What a message holds.
  private struct Content: Hashable {
    var bytes: [UInt8]
    var isCompressed: Bool
  }

  /// The message, as it arrives in parts.
  private func message(_ head: CallHead, inPartsOf size: Int) -> Result<Content, CallMessage.Failure> {
    var message = CallMessage(limit: Self.limits.bodyBytes, mayBeCompressed: head.encoding != nil)
    var taken = 0
    var rest = sent
    do throws(CallMessage.Failure) {
      while !rest.isEmpty {
        var part = ByteBuffer(bytes: rest.prefix(size))
        rest = rest.dropFirst(size)
        try message.add(&part, hasRoom: { $0 <= Self.budget }) { count in
          taken += count
          return taken <= Self.budget
        }
      }
      try message.finish()
    } catch {
      return .failure(error)
    }
    require(
      taken == message.content.count && message.content[...] == sent.dropFirst(CallMessage.headSize),
      "the message is not what was sent")
    return .success(Content(bytes: message.content, isCompressed: message.isCompressed))
  }

  /// Ends the call, in headers that a client takes.
  private func end(_ answer: Answer) -> Int {
    let status = CallStatus(answer)
    require(status.code != .ok, "a call that is refused ends well")
    var headers = HPACKHeaders()
    status.add(to: &headers)
    var count = 0
    for (name, value, _) in headers {
      require(value.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "the header \(name) has other bytes than it may")
      count += name.utf8.count + value.utf8.count
    }
    require(count <= Self.headerBytes, "the headers of an answer have \(count) bytes")
    return 0
  }
}
