extension PropagationAnalyzer {
  /// Whether a pair has not been forgotten.
  func isKept(_ pair: PairID) -> Bool { pairs[pair.place].number == pair.number }

  /// Forgets services, with their proxies and calls, if there is no room for one more.
  mutating func makeRoomForService(_ now: Int64) {
    guard servicePlaces.count >= limits.services else { return }
    let forgotten = Set(servicePlaces.leastUsed(of: servicePlaces.taken, limit: limits.services, now: now))
    for instance in instancePlaces.taken where forgotten.contains(instances[instance].service) { release(instance) }
    for service in forgotten {
      for pair in services[service].pairs.values { forgetPair(pair) }
      for pair in services[service].ownPairs.values { forgetPair(pair) }
      servicesByName[services[service].name] = nil
      // What had been forgotten of it before is counted already.
      forgottenCount += max(0, servicePlaces.release(service) - services[service].forgotten)
      services[service] = Service()
    }
  }

  /// Forgets proxies if there is no room for one more. What can be said of their calls is said before.
  mutating func makeRoomForInstance(_ now: Int64) {
    guard instancePlaces.count >= limits.proxies else { return }
    for instance in instancePlaces.leastUsed(of: instancePlaces.taken, limit: limits.proxies, now: now) {
      if !instances[instance].started.isEmpty {
        judge(instance, InboundTimeline(instances[instance].inbound), until: .max)
      }
      count(instances[instance].inbound.count, of: instances[instance].service)
      release(instance)
    }
  }

  /// Forgets calls to other services if there is no room for those to one more.
  mutating func makeRoomForPair(of service: Int, _ names: KeyPath<Service, [String: Int]>, _ now: Int64) {
    let callees = services[service][keyPath: names]
    if callees.count >= limits.calleesPerService {
      for pair in pairPlaces.leastUsed(of: callees.values, limit: limits.calleesPerService, now: now) {
        forgetPair(pair)
      }
    }
    guard pairPlaces.count >= limits.pairs else { return }
    for pair in pairPlaces.leastUsed(of: pairPlaces.taken, limit: limits.pairs, now: now) { forgetPair(pair) }
  }

  /// Forgets when a proxy last called services of which nothing else is known any more.
  mutating func forgetCallsOfForgottenPairs(_ instance: Int) {
    // A service has a list for its proxies and one for its own tracer: half of so many are forgotten ones, at least.
    guard instances[instance].lastCall.count / 4 >= max(limits.calleesPerService, 1) else { return }
    instances[instance].lastCall = instances[instance].lastCall.filter { isKept($0.key) }
    instances[instance].groupedUntil = instances[instance].groupedUntil.filter { isKept($0.key) }
  }

  private mutating func forgetPair(_ place: Int) {
    let pair = pairs[place]
    if pair.isOwn {
      services[pair.service].ownPairs[pair.callee] = nil
    } else {
      services[pair.service].pairs[pair.callee] = nil
    }
    count(pairPlaces.release(place), of: pair.service)
    pairs[place] = Pair()
  }

  private mutating func release(_ instance: Int) {
    if let proxy = instances[instance].proxy { instancesByProxy[proxy] = nil }
    instances[instance] = Instance()
    _ = instancePlaces.release(instance)
  }

  /// Counts spans of a service as forgotten.
  private mutating func count(_ spans: Int, of service: Int) {
    forgottenCount += spans
    services[service].forgotten += spans
  }
}
