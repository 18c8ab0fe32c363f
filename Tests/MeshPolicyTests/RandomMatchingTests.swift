import MeshModel
import MeshPolicy
import MeshTestSupport
import Testing

/// The indexed matching against the plain rules, on 10,000 random proxies in 2,000 random meshes.
@Suite(.heavy) struct RandomMatchingTests {
  @Test("the index agrees with the plain rules", arguments: 0..<8)
  func agreement(part: Int) {
    for seed in (part * 250)..<((part + 1) * 250) {
      var model = RandomMesh(seed: UInt64(seed))
      var index = MeshIndex(name: "default")
      _ = index.apply(model.fill(policies: 1 + seed % 6, proxies: 5))
      #expect(differences(index, model) == [], "seed \(seed)")
    }
  }

  @Test("the random cases have what matters in them") func coverage() {
    var untraced = 0
    var tied = 0
    var contested = 0
    for seed in 0..<200 {
      var model = RandomMesh(seed: UInt64(seed))
      _ = model.fill(policies: 6, proxies: 5)
      for proxy in model.dataplanes.values {
        let candidates = model.matching.candidates(for: proxy)
        if candidates.count > 1 { contested += 1 }
        if let (a, b) = candidates.first.flatMap({ a in candidates.dropFirst().first.map { (a, $0) } }),
          (a.exact, a.wildcard, a.creationTime) == (b.exact, b.wildcard, b.creationTime)
        {
          tied += 1
        }
        if !candidates.isEmpty, model.matching.backend(for: proxy, in: model.mesh) == nil { untraced += 1 }
      }
    }
    #expect(min(untraced, tied, contested) > 20)
  }
}

/// What an index answers otherwise than the plain rules do.
func differences(_ index: MeshIndex, _ model: RandomMesh) -> [String] {
  let matching = model.matching
  var differences: [String] = []
  func compare<Value: Equatable>(_ actual: Value, _ expected: Value, _ what: @autoclosure () -> String) {
    if actual != expected { differences.append("\(what()): \(actual) instead of \(expected)") }
  }
  var won: [String: Set<String>] = [:]
  var matched: [String: Set<String>] = [:]
  for (name, proxy) in model.dataplanes {
    let expected = matching.candidates(for: proxy)
    let backend = matching.backend(for: proxy, in: model.mesh)
    compare(index.candidates(for: name).map(PlainMatching.Candidate.init), expected, "candidates of \(name)")
    compare(index.winner(for: name).map(PlainMatching.Candidate.init), expected.first, "winner for \(name)")
    compare(index.resolution(for: name)?.backend, backend, "backend of \(name)")
    compare(index.configuration(for: name)?.tracing?.backend, backend?.name, "destination of \(name)")
    if let winner = expected.first { won[winner.name, default: []].insert(name) }
    for candidate in expected { matched[candidate.name, default: []].insert(name) }
  }
  for (name, policy) in model.policies {
    compare(index.proxies(wonBy: name), won[name] ?? [], "won by \(name)")
    guard let content = policy.content(TrafficTrace.self) else { continue }
    compare(index.proxies(matching: content), matched[name] ?? [], "matched by \(name)")
  }
  return differences
}

extension PlainMatching.Candidate {
  init(_ precedence: PolicyPrecedence) {
    self.init(
      name: precedence.name, exact: precedence.rank.exact, wildcard: precedence.rank.wildcard,
      creationTime: precedence.creationTime)
  }
}
