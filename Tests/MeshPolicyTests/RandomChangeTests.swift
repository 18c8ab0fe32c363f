import MeshModel
import MeshPolicy
import MeshTestSupport
import Testing

/// Sequences of random changes: the index that took them one by one is the index of the state they lead to, and says
/// which proxies they concern.
@Suite(.heavy) struct RandomChangeTests {
  @Test("an index of changes is the index of the state", arguments: UInt64(0)..<12)
  func sequence(seed: UInt64) {
    var model = RandomMesh(seed: 10_000 + seed)
    var index = MeshIndex(name: "default")
    for step in 0..<60 {
      let before = (index: index, model: model)
      let change = model.change()
      let (affected, removed) = index.apply(change)
      let place = "seed \(seed), step \(step)"
      #expect(differences(index, model) == [], "\(place)")
      expectSame(index, model.index, place)
      expectAffected(affected, by: change, before: before, after: (index, model), place)
      #expect(removed == Set(before.model.dataplanes.keys).subtracting(model.dataplanes.keys), "\(place)")
      #expect(affected.isDisjoint(with: removed), "\(place)")
    }
    var end = MeshIndex.Change()
    end.mesh = .some(nil)
    for name in model.dataplanes.keys { end.dataplanes[name] = .some(nil) }
    for name in model.policies.keys { end.policies[name] = .some(nil) }
    #expect(index.apply(end).affected.isEmpty)
    #expect(index.isEmpty)
  }

  private func expectSame(_ a: MeshIndex, _ b: MeshIndex, _ place: String) {
    let comment: Comment = "\(place)"
    #expect(a.mesh == b.mesh, comment)
    #expect(Set(a.dataplaneNames) == Set(b.dataplaneNames), comment)
    #expect(Set(a.policyNames) == Set(b.policyNames), comment)
    #expect(a.isEmpty == b.isEmpty, comment)
    for name in a.dataplaneNames {
      #expect(a.configuration(for: name) == b.configuration(for: name), "\(place), proxy \(name)")
      #expect(a.winner(for: name) == b.winner(for: name), "\(place), proxy \(name)")
    }
  }

  /// Every proxy whose configuration differs is affected, and none is that the change cannot reach.
  private func expectAffected(
    _ affected: Set<String>, by change: MeshIndex.Change, before: (index: MeshIndex, model: RandomMesh),
    after: (index: MeshIndex, model: RandomMesh), _ place: String
  ) {
    var touchedServices: Set<String> = []
    for name in change.dataplanes.keys {
      for model in [before.model, after.model] {
        touchedServices.formUnion(
          model.dataplanes[name]?.networking?.inbound.compactMap { $0.tags[TagName.service] } ?? [])
      }
    }
    let matching = (before.model.matching, after.model.matching)
    for (name, proxy) in after.model.dataplanes {
      let old = before.model.dataplanes[name]
      let comment: Comment = "\(place), proxy \(name)"
      if before.index.configuration(for: name) != after.index.configuration(for: name) {
        #expect(affected.contains(name), comment)
      }
      guard affected.contains(name), old == proxy else { continue }
      let winners = (matching.0.winner(for: proxy), matching.1.winner(for: proxy))
      let backends = (
        matching.0.backend(for: proxy, in: before.model.mesh), matching.1.backend(for: proxy, in: after.model.mesh)
      )
      let calls = Set(proxy.networking?.outbound.compactMap { $0.tags[TagName.service] } ?? [])
      let isPolicyTouched = [winners.0, winners.1].contains { $0.map { change.policies[$0] != nil } ?? false }
      #expect(
        winners.0 != winners.1 || backends.0 != backends.1 || !calls.isDisjoint(with: touchedServices)
          || (isPolicyTouched && change.mesh != nil),
        comment)
    }
  }
}
