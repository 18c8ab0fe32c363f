import Foundation
import HTTPTypes
package import NIOHPACK

/// How a call ends: the status of gRPC that says what an answer of HTTP says.
package struct CallStatus: Hashable, Sendable {
  /// The codes (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
  package enum Code: Int, Sendable {
    case ok = 0
    case invalidArgument = 3
    case deadlineExceeded = 4
    case permissionDenied = 7
    case resourceExhausted = 8
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case unauthenticated = 16
  }

  /// The longest sentence in bytes: some clients take 8 KiB of headers.
  private static let sentenceBytes = 1024

  /// The code.
  package let code: Code
  /// What is wrong; empty for ``Code/ok``.
  let sentence: String
  /// How many seconds a client should wait before it tries again; nil if the answer does not say so.
  let retryAfter: Int?

  /// The status of an answer.
  package init(_ answer: Answer) {
    code =
      switch answer.status.code {
      case 200..<300: .ok
      case 400, 415, 417: .invalidArgument
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404, 405, 501: .unimplemented
      case 408: .deadlineExceeded
      case 413, 431: .resourceExhausted
      case 429, 503: .unavailable
      default: .internal
      }
    let text = answer.sentence ?? String(decoding: answer.body.prefix(2 * Self.sentenceBytes), as: UTF8.self)
    sentence = code == .ok ? "" : Self.line(text)
    retryAfter = code == .unavailable ? answer.fields[.retryAfter].flatMap { Int($0) } : nil
  }

  private static func line(_ text: String) -> String {
    let line = text.prefix { $0 != "\n" }
    guard line.utf8.count > sentenceBytes else { return String(line) }
    return String(decoding: line.utf8.prefix(sentenceBytes - 3), as: UTF8.self) + "…"
  }

  /// Adds the status to the last headers of a call.
  package func add(to headers: inout HPACKHeaders) {
    headers.add(name: "grpc-status", value: String(code.rawValue))
    if !sentence.isEmpty { headers.add(name: "grpc-message", value: Self.escaped(sentence)) }
    // An exporter waits as long as it is told, and not as it likes
    // (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-throttling).
    guard let retryAfter else { return }
    let info = Self.retryInfo(retryAfter)
    headers.add(name: "grpc-status-details-bin", value: Data(details(info)).base64EncodedString())
    // Where OpenTelemetry's exporter for Python looks (opentelemetry-exporter-otlp-proto-grpc 1.45).
    headers.add(name: "google.rpc.retryinfo-bin", value: Data(info).base64EncodedString())
  }

  /// A `google.rpc.RetryInfo`.
  private static func retryInfo(_ seconds: Int) -> [UInt8] {
    var delay = ProtobufWriter()
    delay.number(1, UInt64(max(0, seconds)))
    var info = ProtobufWriter()
    info.bytes(1, delay.bytes)
    return info.bytes
  }

  /// A `google.rpc.Status` with a `google.rpc.RetryInfo`.
  private func details(_ info: [UInt8]) -> [UInt8] {
    var any = ProtobufWriter()
    any.bytes(1, Array("type.googleapis.com/google.rpc.RetryInfo".utf8))
    any.bytes(2, info)
    var status = ProtobufWriter()
    status.number(1, UInt64(code.rawValue))
    status.bytes(2, Array(sentence.utf8))
    status.bytes(3, any.bytes)
    return status.bytes
  }

  /// A sentence as gRPC sends it: percent-encoded but for printable ASCII.
  static func escaped(_ sentence: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in sentence.utf8 {
      if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
