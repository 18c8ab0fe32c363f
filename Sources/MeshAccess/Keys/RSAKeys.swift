import Crypto
import CryptoExtras
import Foundation

/// What is wrong with a key, in words.
package struct KeyFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// One sentence that says what was expected.
  package let description: String

  package init(description: String) { self.description = description }
}

/// Says which key it is: the hash of its public part.
package struct KeyFingerprint: Sendable, Hashable {
  private let bytes: [UInt8]

  init(_ key: _RSA.Signing.PublicKey) { bytes = Array(SHA256.hash(data: key.derRepresentation)) }
}

/// A key that verifies tokens.
package struct VerifyingKey: Sendable {
  /// The id under which tokens name it (`kid`).
  package let id: String
  /// Which key it is.
  package let fingerprint: KeyFingerprint
  private let key: _RSA.Signing.PublicKey

  /// Reads a public key in PEM form: `PUBLIC KEY`, or `RSA PUBLIC KEY` as `kumactl generate public-key` writes it.
  ///
  /// - Throws: ``KeyFault`` if the text is not an RSA key of 2048 to 8192 bits.
  package init(id: String, publicPEM: String) throws(KeyFault) {
    guard !publicPEM.contains("PRIVATE KEY") else {
      throw KeyFault(
        description: "it is a private key; write the public key that `kumactl generate public-key` makes of it")
    }
    guard let key = try? _RSA.Signing.PublicKey(pemRepresentation: publicPEM), SigningKey.sizes ~= key.keySizeInBits
    else { throw KeyFault(description: "it is not an RSA public key of 2048 to 8192 bits in PEM form") }
    self.init(id: id, key)
  }

  init(id: String, _ key: _RSA.Signing.PublicKey) {
    self.id = id
    self.key = key
    fingerprint = KeyFingerprint(key)
  }

  /// Whether the signature (RSASSA-PKCS1-v1_5 with SHA-256) is that of the key.
  func verifies(_ signature: [UInt8], of text: some DataProtocol) -> Bool {
    key.isValidSignature(
      _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA256.hash(data: text),
      padding: .insecurePKCS1v1_5)
  }
}

/// A key that signs tokens.
package struct SigningKey: Sendable {
  /// The id under which tokens name it (`kid`).
  package let id: String
  let key: _RSA.Signing.PrivateKey

  static let sizes = 2048...8192

  /// Makes a new key of 2048 bits, as Kuma does. It takes about a tenth of a second of the processor.
  package static func generate(id: String) throws(KeyFault) -> SigningKey {
    do {
      return SigningKey(id: id, key: try _RSA.Signing.PrivateKey(keySize: .bits2048))
    } catch {
      throw KeyFault(description: "the key could not be generated: \(error)")
    }
  }

  private init(id: String, key: _RSA.Signing.PrivateKey) {
    self.id = id
    self.key = key
  }

  /// Reads a private key as a secret holds it: PEM (`RSA PRIVATE KEY`, `PRIVATE KEY`), or PKCS #1 without PEM as old versions of Kuma
  /// wrote it.
  ///
  /// - Throws: ``KeyFault`` if the data is not an RSA key of 2048 to 8192 bits.
  package init(id: String, data: [UInt8]) throws(KeyFault) {
    let text = String(decoding: data, as: UTF8.self)
    guard !text.contains("PUBLIC KEY") else {
      throw KeyFault(description: "it is a public key; a private key is needed")
    }
    guard !text.contains("ENCRYPTED") else {
      throw KeyFault(description: "it is a private key with a password; write it without one")
    }
    let isPEM = text.contains("-----BEGIN")
    guard
      let key = isPEM
        ? try? _RSA.Signing.PrivateKey(pemRepresentation: text) : try? _RSA.Signing.PrivateKey(derRepresentation: data),
      Self.sizes ~= key.keySizeInBits
    else { throw KeyFault(description: "it is not an RSA private key of 2048 to 8192 bits in PEM form") }
    self.init(id: id, key: key)
  }

  /// The private key in the form of Kuma's secrets: PEM, `RSA PRIVATE KEY`.
  package var privatePEM: String { Self.closed(key.pemRepresentation) }
  /// The public key in the form of Kuma's `kumactl generate public-key`: PEM, `RSA PUBLIC KEY`.
  package var publicPEM: String { Self.closed(key.publicKey.pkcs1PEMRepresentation) }

  /// The text with one line end; the library ends one of the two forms without.
  private static func closed(_ pem: String) -> String { pem.hasSuffix("\n") ? pem : pem + "\n" }

  var verifying: VerifyingKey { VerifyingKey(id: id, key.publicKey) }
}
