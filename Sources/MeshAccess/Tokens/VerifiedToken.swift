import MeshModel
import OrderedCollections

/// The text of a token.
enum TokenText {
  /// The largest token that is read, in bytes.
  static let limit = 16 << 10

  /// The text without spaces and line ends around it, which files with tokens often have.
  ///
  /// - Throws: ``TokenRefusal`` if nothing is left, or it is longer than ``limit``.
  static func trimmed(_ text: String) throws(TokenRefusal) -> String {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    guard text.utf8.count <= limit else { throw .tooLong(bytes: text.utf8.count) }
    let bytes = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { throw .empty }
    return first == 0 && last == bytes.count - 1 ? text : String(decoding: bytes[first...last], as: UTF8.self)
  }
}

/// A JSON Web Token whose signature was verified. Its dates were read, and not compared with the clock.
///
/// Signed by a library, read here: JWTKit would take another key for one that it does not know, and can only be asked with `await`.
struct VerifiedToken: Sendable {
  let stamp: TokenStamp
  private let claims: DocumentValue.Object

  /// Reads a token and verifies its signature.
  ///
  /// Only RS256 counts, and only the key that `kid` names; keys and addresses of keys in the header (`jwk`, `x5c`, `jku`) are not looked
  /// at. The claims are read after the signature was found right.
  ///
  /// - Parameter key: finds a key by its id.
  init(_ text: String, key: (String) -> Result<VerifyingKey, TokenRefusal>) throws(TokenRefusal) {
    let bytes = Array(text.utf8)
    let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .malformed("it does not have three parts, separated by dots") }
    let header = try Self.object(parts[0], "header")
    guard let algorithm = header["alg"]?.string else { throw .wrongAlgorithm("") }
    guard algorithm == "RS256" else { throw .wrongAlgorithm(algorithm) }
    guard header["crit"] == nil else { throw .criticalHeader }
    guard let id = header["kid"]?.string, !id.isEmpty else { throw .noKeyID }
    let key = try key(id).get()
    guard let signature = Self.decode(parts[2]) else { throw .malformed("its signature is not base64url") }
    guard key.verifies(signature, of: bytes[..<parts[1].endIndex]) else { throw .badSignature(keyID: id) }
    claims = try Self.object(parts[1], "payload")
    let tokenID = claims["jti"] ?? .string("")
    guard let tokenID = tokenID.string else { throw .missingClaim("jti") }
    guard let expires = try Self.time("exp", claims) else { throw .missingClaim("exp") }
    stamp = TokenStamp(
      id: tokenID, keyID: id, key: key.fingerprint, issued: try Self.time("iat", claims) ?? .earliest,
      notBefore: try Self.time("nbf", claims) ?? .earliest, expires: expires)
  }

  private static func object(_ part: ArraySlice<UInt8>, _ name: String) throws(TokenRefusal) -> DocumentValue.Object {
    guard let bytes = decode(part) else { throw .malformed("its \(name) is not base64url") }
    guard let object = (try? DocumentValue(json: bytes))?.object else {
      throw .malformed("its \(name) is not a JSON object")
    }
    return object
  }

  /// Decodes base64url without padding, as RFC 7515 has it; `nil` for anything else.
  private static func decode(_ part: ArraySlice<UInt8>) -> [UInt8]? {
    let isClean = part.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    return isClean ? Base64.decode(String(decoding: part, as: UTF8.self)) : nil
  }

  /// A claim in seconds since 1970; `nil` if there is none.
  private static func time(_ name: String, _ claims: DocumentValue.Object) throws(TokenRefusal) -> Timestamp? {
    guard let claim = claims[name], claim != .null else { return nil }
    guard let seconds = claim.number, seconds.isFinite else { throw .missingClaim(name) }
    let bounds = (Double(Timestamp.earliest.seconds), Double(Timestamp.latest.seconds))
    return Timestamp(seconds: Int64(max(bounds.0, min(bounds.1, seconds.rounded(.down)))))
  }

  /// The claims of a dataplane token.
  func dataplaneClaims() throws(TokenRefusal) -> DataplaneClaims {
    var tags: [String: Set<String>] = [:]
    if let claim = claims["Tags"], claim != .null {
      guard let object = claim.object else { throw .missingClaim("Tags") }
      for (tag, values) in object { tags[tag] = Set(try Self.texts(values, "Tags")) }
    }
    return DataplaneClaims(
      name: try text("Name"), mesh: try text("Mesh"), tags: tags, proxyType: try text("Type"))
  }

  /// The claims of a user token.
  func user() throws(TokenRefusal) -> User {
    let name = try text("Name")
    guard !name.isEmpty else { throw .missingClaim("Name") }
    let groups = try claims["Groups"].map { value throws(TokenRefusal) in
      value == .null ? [] : try Self.texts(value, "Groups")
    }
    return User(name: name, groups: Set(groups ?? []).union([User.authenticatedGroup]))
  }

  private func text(_ name: String) throws(TokenRefusal) -> String {
    guard let claim = claims[name], claim != .null else { return "" }
    guard let text = claim.string else { throw .missingClaim(name) }
    return text
  }

  private static func texts(_ value: DocumentValue, _ name: String) throws(TokenRefusal) -> [String] {
    let texts = value.array?.compactMap(\.string)
    guard let texts, texts.count == value.array?.count else { throw .missingClaim(name) }
    return texts
  }
}

extension TokenStamp {
  /// How far the clocks of who signs and who checks may be apart, in seconds, for the time of issue. Kuma dates `nbf` back by as much.
  static var skew: Int64 { 300 }

  /// Why the token does not count at this time.
  func refusal(at now: Timestamp) -> TokenRefusal? {
    if now < notBefore { return .notYetValid(notBefore) }
    if now.seconds < issued.seconds - Self.skew { return .issuedInFuture(issued) }
    return now < expires ? nil : .expired(expires)
  }
}

extension Timestamp {
  /// The first and the last second that RFC 3339 can write.
  fileprivate static let earliest = Timestamp(seconds: -62_135_596_800)
  fileprivate static let latest = Timestamp(seconds: 253_402_300_799)
}
