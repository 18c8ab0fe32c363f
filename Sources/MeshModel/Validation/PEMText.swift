import Documents

/// Certificates and keys in PEM (RFC 7468). Whether a certificate is signed and valid is for the proxy to judge.
package enum PEMText {
  /// Whether text has certificates, and nothing that is secret.
  package static func isCertificates(_ text: String) -> Bool {
    guard text.utf8.count <= ZipkinConf.pemLimit else { return false }
    let blocks = blocks(of: text)
    return !blocks.isEmpty
      && blocks.allSatisfy { $0.label == "CERTIFICATE" && Base64.decode($0.body).map(DERReader.isCertificate) == true }
  }

  /// Whether text has one private key, which no password protects.
  package static func isPrivateKey(_ text: String) -> Bool {
    guard text.utf8.count <= ZipkinConf.pemLimit else { return false }
    let keys = blocks(of: text).map(\.label).filter { $0.hasSuffix("PRIVATE KEY") }
    return keys.count == 1 && keys[0] != "ENCRYPTED PRIVATE KEY"
  }

  /// All complete blocks; empty where a block is not complete.
  private static func blocks(of text: String) -> [(label: Substring, body: String)] {
    var blocks: [(label: Substring, body: String)] = []
    var open: (label: Substring, body: String)?
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.trimmingSuffix { $0 == " " || $0 == "\t" }
      if let label = line.middle(of: "-----BEGIN ") {
        guard open == nil else { return [] }
        open = (label, "")
      } else if let label = line.middle(of: "-----END ") {
        guard let block = open, block.label == label else { return [] }
        blocks.append(block)
        open = nil
      } else {
        open?.body += line
      }
    }
    return open == nil ? blocks : []
  }
}

extension Substring {
  fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> Substring {
    var text = self
    while let last = text.last, isTrimmed(last) { text.removeLast() }
    return text
  }

  /// The label of a line that begins or ends a block.
  fileprivate func middle(of prefix: String) -> Substring? {
    guard hasPrefix(prefix), hasSuffix("-----"), utf8.count > prefix.utf8.count + 5 else { return nil }
    return dropFirst(prefix.count).dropLast(5)
  }
}

/// Reads the values of DER (ITU-T X.690) one after the other.
private struct DERReader {
  private static let integer: UInt8 = 0x02
  private static let bitString: UInt8 = 0x03
  private static let sequence: UInt8 = 0x30
  /// The version of a certificate, which may be missing.
  private static let version: UInt8 = 0xA0

  private var rest: ArraySlice<UInt8>

  /// Whether bytes have the parts of a certificate (RFC 5280, section 4.1), and no more.
  static func isCertificate(_ bytes: [UInt8]) -> Bool {
    var file = DERReader(rest: bytes[...])
    guard let whole = file.next(sequence), file.rest.isEmpty else { return false }
    var certificate = DERReader(rest: whole)
    guard let signed = certificate.next(sequence), certificate.next(sequence) != nil,
      certificate.next(bitString) != nil, certificate.rest.isEmpty
    else { return false }
    var parts = DERReader(rest: signed)
    if parts.rest.first == version, parts.next(version) == nil { return false }
    guard parts.next(integer) != nil else { return false }
    // The algorithm, the issuer, the validity, the subject and its public key.
    return (0..<5).allSatisfy { _ in parts.next(sequence) != nil }
  }

  /// The content of the next value; `nil` when it has another tag or is not complete.
  private mutating func next(_ tag: UInt8) -> ArraySlice<UInt8>? {
    guard rest.popFirst() == tag, let first = rest.popFirst() else { return nil }
    var length = Int(first)
    if first >= 0x80 {
      // Text in PEM is bounded, so that three bytes are enough.
      let count = Int(first & 0x7F)
      guard (1...3).contains(count), count <= rest.count else { return nil }
      length = rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(count)
    }
    guard length <= rest.count else { return nil }
    defer { rest = rest.dropFirst(length) }
    return rest.prefix(length)
  }
}
