package import Documents
import NIOCore
import NIOPosix
package import NIOSSL

/// The validity period of a certificate.
///
/// TLS reports a rejected certificate in the same way for every reason, so its dates are checked afterwards.
package struct CertificateValidity: Sendable {
  /// The timeout for reading a server's certificate.
  private static let limit: TimeAmount = .seconds(5)

  /// The first and the last time at which it is valid.
  package let begin: Timestamp
  package let end: Timestamp

  /// Parses the period of a certificate; `nil` if it is malformed.
  ///
  /// The dates are parsed here, because the library's properties end the process if a date is malformed.
  package init?(_ certificate: NIOSSLCertificate) {
    guard let bytes = try? certificate.toDERBytes() else { return nil }
    self.init(der: bytes)
  }

  /// Parses the period from the bytes of a certificate. Source of the format: RFC 5280, section 4.1.
  package init?(der bytes: [UInt8]) {
    var outer = DERReader(bytes[...])
    guard let certificate = outer.next(), certificate.tag == DERReader.sequence else { return nil }
    var parts = DERReader(certificate.content)
    guard let signed = parts.next(), signed.tag == DERReader.sequence else { return nil }
    var fields = DERReader(signed.content)
    guard var field = fields.next() else { return nil }
    // An optional version, then serial number, algorithm and issuer, one field each.
    if field.tag == DERReader.version, let serial = fields.next() { field = serial }
    guard fields.next() != nil, fields.next() != nil, let validity = fields.next(), validity.tag == DERReader.sequence
    else { return nil }
    var times = DERReader(validity.content)
    guard let begin = times.next().flatMap(Self.date), let end = times.next().flatMap(Self.date) else { return nil }
    self.begin = begin
    self.end = end
  }

  /// A time in one of the two forms: `YYMMDDhhmmssZ` for the years from 1950 to 2049, `YYYYMMDDhhmmssZ` for others.
  private static func date(_ field: DERReader.Field) -> Timestamp? {
    var digits = String(decoding: field.content, as: UTF8.self)
    guard digits.hasSuffix("Z"), digits.utf8.count == field.content.count else { return nil }
    digits.removeLast()
    if field.tag == DERReader.shortTime, digits.utf8.count == 12 { digits = (digits < "50" ? "20" : "19") + digits }
    let bytes = Array(digits.utf8)
    guard bytes.count == 14 else { return nil }
    let parts = [0..<4, 4..<6, 6..<8, 8..<10, 10..<12, 12..<14].map { String(decoding: bytes[$0], as: UTF8.self) }
    return Timestamp("\(parts[0])-\(parts[1])-\(parts[2])T\(parts[3]):\(parts[4]):\(parts[5])Z")
  }

  /// Why a certificate is not valid at a time, as a predicate; `nil` if it is valid.
  package func fault(at now: Timestamp) -> String? {
    if end < now { return "expired on \(end)" }
    if now < begin { return "is not valid before \(begin)" }
    return nil
  }

  /// Why a server's certificate was rejected, if its dates or those of the trusted authorities are the reason.
  ///
  /// - Parameters:
  ///   - name: what the certificate is for, if it is not the host.
  ///   - authorities: the trusted certificates.
  package static func fault(
    at host: String, port: Int, name: String? = nil, authorities: [NIOSSLCertificate]
  ) async -> String? {
    let now = Timestamp.now
    if let fault = await shown(by: host, port: port, name: name ?? host)?.fault(at: now) {
      return "its certificate \(fault)"
    }
    return authorities.lazy.compactMap { CertificateValidity($0)?.fault(at: now) }.first.map {
      "the CA certificate that is trusted here \($0)"
    }
  }

  /// The period of a server's certificate; `nil` if it sends none. No request is sent.
  private static func shown(by host: String, port: Int, name: String) async -> CertificateValidity? {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = loop.makePromise(of: CertificateValidity?.self)
    let timeout = loop.scheduleTask(in: limit) { promise.succeed(nil) }
    let bootstrap = ClientBootstrap(group: loop).connectTimeout(limit).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let context = try NIOSSLContext(configuration: .makeClientConfiguration())
        let isName = (try? SocketAddress(ipAddress: name, port: 0)) == nil
        try channel.pipeline.syncOperations.addHandler(
          NIOSSLClientHandler(context: context, serverHostname: isName ? name : nil) { chain, verdict in
            promise.succeed(chain.first.flatMap(CertificateValidity.init))
            verdict.succeed(NIOSSLVerificationResult.failed)
          })
      }
    }
    bootstrap.connect(host: host, port: port).whenComplete { result in
      switch result {
      case .success(let channel): channel.closeFuture.whenComplete { _ in promise.succeed(nil) }
      case .failure: promise.succeed(nil)
      }
    }
    promise.futureResult.whenComplete { _ in timeout.cancel() }
    return try? await promise.futureResult.get()
  }
}

/// The fields of a value in DER, as far as certificates need them.
private struct DERReader {
  struct Field {
    let tag: UInt8
    let content: ArraySlice<UInt8>
  }

  static let sequence: UInt8 = 0x30
  static let version: UInt8 = 0xa0
  static let shortTime: UInt8 = 0x17

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The next field; `nil` at the end, and when what follows is none.
  mutating func next() -> Field? {
    guard let tag = rest.popFirst(), let first = rest.popFirst() else { return nil }
    var length = Int(first)
    if first >= 0x80 {
      // Three bytes of length are enough for any certificate.
      guard first > 0x80, first <= 0x83 else { return nil }
      length = 0
      for _ in 0..<(first & 0x7f) {
        guard let byte = rest.popFirst() else { return nil }
        length = length << 8 | Int(byte)
      }
    }
    guard length <= rest.count else { return nil }
    let content = rest.prefix(length)
    rest = rest.dropFirst(length)
    return Field(tag: tag, content: content)
  }
}
