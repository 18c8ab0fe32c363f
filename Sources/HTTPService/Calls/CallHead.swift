package import HTTPTypes
package import NIOHPACK

/// The head of a call, read as that of a request over HTTP.
package struct CallHead: Sendable {
  /// The request that stands for the call. Its content encoding is that of a compressed message.
  package var request: HTTPRequest
  /// How compressed messages are compressed: `gzip` or `deflate`; nil if there must be none.
  package var encoding: String?

  /// Why a call has no request.
  package enum Failure: Error, Hashable {
    /// It is a request that is no call; it gets an answer of HTTP.
    case notACall(HTTPResponse.Status, String)
    /// The call ends with this answer.
    case refused(HTTPResponse.Status, String)
  }

  /// Reads a head.
  ///
  /// - Parameters:
  ///   - calls: the methods that there are.
  ///   - isSecure: whether the connection is encrypted.
  package init(_ headers: HPACKHeaders, _ calls: UnaryCalls, isSecure: Bool) throws(Failure) {
    let type = headers.first(name: "content-type")?.lowercased() ?? ""
    guard headers.first(name: ":method") == "POST", Self.isOfCall(type) else {
      throw .notACall(
        .unsupportedMediaType,
        "This port takes gRPC: a POST with the content type application/grpc. Over HTTP/1.1 it takes requests too.")
    }
    let path = headers.first(name: ":path") ?? ""
    guard let method = calls.methods[path], type != "application/grpc+json" else {
      throw .refused(.notImplemented, "there is no method \(path.printed) here; \(calls.advice)")
    }
    let encodings = headers["grpc-encoding"]
    switch encodings.count > 1 ? "" : encodings.first?.lowercased() ?? "identity" {
    case "identity": encoding = nil
    case let known where known == "gzip" || known == "deflate": encoding = known
    default:
      throw .refused(
        .notImplemented,
        "grpc-encoding \(encodings.joined(separator: ", ").printed) is not supported; use identity, gzip or deflate")
    }
    request = HTTPRequest(
      method: .post, scheme: isSecure ? "https" : "http", authority: headers.first(name: ":authority"),
      path: method.path, headerFields: Self.fields(headers))
    request.headerFields[.contentType] = method.contentType
  }

  private static func isOfCall(_ type: String) -> Bool {
    ["application/grpc", "application/grpc+proto", "application/grpc+json"].contains(type)
      || type.hasPrefix("application/grpc;")
  }

  /// The metadata of a call, without what describes its transport.
  private static func fields(_ headers: HPACKHeaders) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value, _) in headers where !name.hasPrefix(":") && !name.hasPrefix("grpc-") {
      guard let field = HTTPField.Name(name), !ofTransport.contains(field) else { continue }
      fields.append(HTTPField(name: field, value: value))
    }
    return fields
  }

  private static let ofTransport: Set<HTTPField.Name> = [
    .contentType, .contentLength, .contentEncoding, .connection, .te, .transferEncoding, .expect,
  ]
}

extension StringProtocol {
  /// The text in quotation marks: printable ASCII, at most 100 characters.
  fileprivate var printed: String {
    let plain = utf8.prefix(100).map { (0x21...0x7E).contains($0) && $0 != 0x22 ? $0 : 0x3F }
    return "\"\(String(decoding: plain, as: UTF8.self))\(utf8.count > 100 ? "…" : "")\""
  }
}
