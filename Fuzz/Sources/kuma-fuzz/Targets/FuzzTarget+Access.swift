import Crypto
import CryptoExtras
import Documents
import Foundation
import MeshAccess

extension FuzzTarget {
  /// Tokens.
  static let access: [FuzzTarget] = [
    FuzzTarget(
      "token",
      "tokens as they come, and tokens with a right signature over a header and claims of any form",
      samples: [
        "s{\"alg\":\"RS256\",\"kid\":\"1\"}\n{\"Name\":\"a\",\"Mesh\":\"default\",\"Groups\":[\"b\"],\"exp\":4102444800,\"jti\":\"x\"}",
        "a.b.c",
      ]
    ) { bytes in
      // A signature takes as long as a hundred other inputs, so that it is made for some of them.
      let text =
        bytes.first == UInt8(ascii: "s")
        ? TokenMaker.shared.token(bytes.dropFirst()) : String(decoding: bytes, as: UTF8.self)
      let ring = TokenMaker.shared.ring
      let now = Timestamp(seconds: 1_800_000_000)
      var count = 0
      switch ring.verifyUserToken(text, now: now) {
      case .success(let token): count += 1 + token.user.groups.count
      case .failure(let refusal): require(refusal.reason.utf8.count < 8_192, "a reason is long: \(refusal.reason)")
      }
      switch ring.verifyDataplaneToken(text, mesh: "default", now: now) {
      case .success(let token): count += 1 + token.claims.tags.count
      case .failure(let refusal): require(refusal.reason.utf8.count < 8_192, "a reason is long: \(refusal.reason)")
      }
      require(ring.verifyIngestToken(text) == nil, "a token for spans was guessed")
      return count
    }
  ]
}

/// Signs headers and claims with a key of its own.
private struct TokenMaker: Sendable {
  static let shared = TokenMaker()

  let ring: KeyRing
  private let key: _RSA.Signing.PrivateKey

  private init() {
    do {
      key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
      var ring = KeyRing()
      let pem = Array(key.pemRepresentation.utf8)
      for (name, mesh) in [
        (SecretName.userTokenSigningKey("1"), ""),
        (SecretName.dataplaneTokenSigningKey(mesh: "default", "1"), "default"),
      ] {
        if let fault = ring.add(secret: name, mesh: mesh, data: pem) { fatalError("\(fault)") }
      }
      self.ring = ring
    } catch { fatalError("there is no key: \(error)") }
  }

  /// The token of a header, a line feed and claims.
  func token(_ bytes: ArraySlice<UInt8>) -> String {
    let parts = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
    let content = parts.map { Self.encoded($0) }.joined(separator: ".")
    let signature = try? key.signature(for: SHA256.hash(data: Data(content.utf8)), padding: .insecurePKCS1v1_5)
    return "\(content).\(Self.encoded(signature?.rawRepresentation ?? Data()))"
  }

  private static func encoded(_ bytes: some Sequence<UInt8>) -> String {
    Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
      .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
  }
}
