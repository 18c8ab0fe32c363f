import Crypto
import MeshModel

/// The tokens by which spans are accepted.
struct IngestTokens: Sendable {
  private struct Token: Sendable {
    /// The secret, or another place, that it is from.
    let source: String
    let serial: Int
    let text: String
    let hash: [UInt8]
  }

  private var tokens: [String: [Token]] = [:]
  /// The mesh of each token, by the token's hash. The time of a search depends on hashes only, which say nothing of the tokens.
  private var meshes: [[UInt8]: String] = [:]

  /// The shortest token that is accepted, in characters.
  static let shortest = 16

  private static func hash(_ text: String) -> [UInt8] { Array(SHA256.hash(data: Array(text.utf8))) }

  func mesh(of text: String) -> String? { meshes[Self.hash(text)] }

  var newest: [String: String] { tokens.keys.reduce(into: [:]) { $0[$1] = newest(mesh: $1) } }

  func newest(mesh: String) -> String? {
    tokens[mesh]?.max { ($0.serial, $0.source) < ($1.serial, $1.source) }?.text
  }

  mutating func add(_ text: String, mesh: String, from source: String, serial: Int) -> KeyFault? {
    remove(mesh: mesh, from: source)
    func fault(_ what: String) -> KeyFault {
      KeyFault(description: "the token for spans in \(source.quoted) of mesh \(mesh.quoted) \(what)")
    }
    guard let text = try? TokenText.trimmed(text), text.utf8.count >= Self.shortest else {
      return fault("does not count: it must have at least \(Self.shortest) characters")
    }
    guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      return fault("does not count: a header cannot carry it; use letters, digits, - and _")
    }
    let hash = Self.hash(text)
    if let other = meshes[hash], other != mesh {
      return fault("does not count: mesh \(other.quoted) has the same token")
    }
    tokens[mesh, default: []].append(Token(source: source, serial: serial, text: text, hash: hash))
    meshes[hash] = mesh
    return nil
  }

  mutating func remove(mesh: String, from source: String) {
    guard let index = tokens[mesh]?.firstIndex(where: { $0.source == source }),
      let token = tokens[mesh]?.remove(at: index)
    else { return }
    if tokens[mesh]?.isEmpty == true { tokens[mesh] = nil }
    if tokens[mesh]?.contains(where: { $0.hash == token.hash }) != true { meshes[token.hash] = nil }
  }
}
