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
      expectReach(index, model, place)
      expectAffected(affected, by: change, before: before, after: (index, model), place)
      #expect(removed == Set(before.model.dataplanes.keys).subtracting(model.dataplanes.keys), "\(place)")
      #expect(affected.isDisjoint(with: removed), "\(place)")
    }
    var end = MeshIndex.Change()
    end.mesh = .some(nil)
    for name in model.dataplanes.keys { end.dataplanes[name] = .some(nil) }
    for name in model.policies.keys { end.policies[name] = .some(nil) }
    for service in model.serviceAddresses.keys { end.serviceAddresses[service] = .some(nil) }
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

  /// Proxies that take their applications' connections reach what the plain rules say.
  private func expectReach(_ index: MeshIndex, _ model: RandomMesh, _ place: String) {
    let rules = PlainReach(dataplanes: model.dataplanes, addresses: model.serviceAddresses)
    for (name, dataplane) in model.dataplanes {
      let configuration = index.configuration(for: name)
      let comment: Comment = "\(place), proxy \(name)"
      if let lines = rules.lines(of: dataplane) {
        #expect(configuration?.reachLines.sorted() == lines.sorted(), comment)
      }
      #expect(
        Set(configuration?.capture?.directPlaces.map { "\($0.address) \($0.port)" } ?? [])
          == rules.direct(of: dataplane),
        comment)
      #expect(
        (configuration?.capture == nil)
          == ((dataplane.networking?.transparentProxying?.redirectPortOutbound ?? 0) == 0),
        comment)
      #expect(
        configuration?.capture.map(\.passesThrough) ?? true == (model.mesh?.passesThrough ?? true)
          || configuration?.capture == nil, comment)
    }
  }

  /// The services that a proxy reaches without outbounds, as far as they have an address.
  private func reached(_ proxy: Dataplane, _ addresses: Set<String>) -> Set<String> {
    guard let networking = proxy.networking, networking.outbound.isEmpty,
      let section = networking.transparentProxying, section.isComplete
    else { return [] }
    return section.reachableServices.map { addresses.intersection($0) } ?? addresses
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
    touchedServices.formUnion(change.serviceAddresses.keys)
    let addresses = Set(before.model.serviceAddresses.keys).union(after.model.serviceAddresses.keys)
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
      var calls = Set(proxy.networking?.outbound.compactMap { $0.tags[TagName.service] } ?? [])
      calls.formUnion(reached(proxy, addresses))
      let section = proxy.networking?.transparentProxying
      let direct = section?.isComplete == true ? section?.directAccessServices ?? [] : []
      if direct.contains("*") { calls.formUnion(touchedServices) } else { calls.formUnion(direct) }
      let isPassageTouched =
        section?.outboundPort != nil && before.model.mesh?.passesThrough != after.model.mesh?.passesThrough
      let isPolicyTouched = [winners.0, winners.1].contains { $0.map { change.policies[$0] != nil } ?? false }
      #expect(
        winners.0 != winners.1 || backends.0 != backends.1 || !calls.isDisjoint(with: touchedServices)
          || (isPolicyTouched && change.mesh != nil) || isPassageTouched,
        comment)
    }
  }
}
