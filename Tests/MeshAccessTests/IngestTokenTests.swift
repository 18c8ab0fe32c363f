import MeshModel
import Testing

@testable import MeshAccess

@Suite("Tokens for spans") struct IngestTokenTests {
  private func ring(_ tokens: [(secret: String, mesh: String, text: String)]) -> KeyRing {
    var ring = KeyRing()
    for token in tokens { ring.add(secret: token.secret, mesh: token.mesh, data: Array(token.text.utf8)) }
    return ring
  }

  @Test("a token lets in the spans of its mesh; rotation adds a newer one and deletes the old one") func rotation() {
    let (first, second, other) = (IngestToken.generate(), IngestToken.generate(), IngestToken.generate())
    var ring = ring([
      ("trace-ingest-token-default-1", "default", first), ("trace-ingest-token-other-1", "other", other + "\n"),
    ])
    #expect(ring.verifyIngestToken(first) == "default")
    #expect(ring.verifyIngestToken(other) == "other")
    #expect(ring.verifyIngestToken(second) == nil)
    #expect(ring.newestIngestToken(mesh: "default") == first)
    ring.add(secret: "trace-ingest-token-default-2", mesh: "default", data: Array(second.utf8))
    #expect(ring.newestIngestToken(mesh: "default") == second)
    #expect(ring.verifyIngestToken(first) == "default" && ring.verifyIngestToken(second) == "default")
    ring.remove(secret: "trace-ingest-token-default-1", mesh: "default")
    #expect(ring.verifyIngestToken(first) == nil && ring.verifyIngestToken(second) == "default")
    ring.add(secret: "trace-ingest-token-default-2", mesh: "default", data: Array(first.utf8))
    #expect(ring.verifyIngestToken(second) == nil && ring.verifyIngestToken(first) == "default")
    ring.remove(secret: "trace-ingest-token-default-2", mesh: "default")
    #expect(ring.newestIngestToken(mesh: "default") == nil && ring.verifyIngestToken(first) == nil)
  }

  @Test("the newest is that with the highest number") func newest() {
    let tokens = (0..<3).map { _ in IngestToken.generate() }
    let ring = ring([
      ("trace-ingest-token-default-9", "default", tokens[0]), ("trace-ingest-token-default-10", "default", tokens[1]),
      ("trace-ingest-token-default", "default", tokens[2]),
    ])
    #expect(ring.newestIngestToken(mesh: "default") == tokens[1])
    #expect(tokens.allSatisfy { ring.verifyIngestToken($0) == "default" })
  }

  @Test(
    "short and unprintable secrets, and those of another place, let in nothing",
    arguments: ["", "short", "a b c d e f g h i j", "äöüäöüäöüäöü"])
  func unusable(text: String) {
    var ring = KeyRing()
    #expect(ring.add(secret: "trace-ingest-token-default-1", mesh: "default", data: Array(text.utf8)) != nil)
    #expect(ring.verifyIngestToken(text) == nil)
    let token = IngestToken.generate()
    ring.add(secret: "trace-ingest-token-default-1", mesh: "other", data: Array(token.utf8))
    ring.add(secret: "trace-ingest-token-default-1", mesh: "", data: Array(token.utf8))
    #expect(ring.verifyIngestToken(token) == nil)
  }

  @Test("a token that two meshes have counts for the first of them only, and the second is told") func shared() {
    let token = IngestToken.generate()
    var ring = ring([("trace-ingest-token-default-1", "default", token)])
    let fault = ring.add(secret: "trace-ingest-token-other-1", mesh: "other", data: Array(token.utf8))
    #expect(fault?.description.contains("mesh \"default\" has the same token") == true)
    #expect(fault?.description.contains(token) == false)
    #expect(ring.verifyIngestToken(token) == "default")
    #expect(ring.newestIngestToken(mesh: "other") == nil)
  }

  @Test("new tokens are 43 letters of base64url and differ") func generated() {
    let tokens = (0..<50).map { _ in IngestToken.generate() }
    #expect(Set(tokens).count == 50)
    #expect(
      tokens.allSatisfy { $0.utf8.count == 43 && $0.allSatisfy { $0.isLetter || $0.isNumber || "-_".contains($0) } })
  }
}
