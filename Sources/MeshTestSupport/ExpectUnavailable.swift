import MeshStore
package import Testing

/// Expects a store to fail as unavailable, with a message that contains some words and not the secret.
package func expectUnavailable(
  _ words: [String], without secret: String? = nil, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () async throws -> Void
) async {
  do {
    try await body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
  } catch let error as StoreError {
    #expect(error.code == .unavailable, sourceLocation: sourceLocation)
    if let secret { #expect(!error.message.contains(secret), sourceLocation: sourceLocation) }
    for word in words { #expect(error.message.contains(word), "\(error.message)", sourceLocation: sourceLocation) }
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
}
