extension PropagationAnalyzer {
  /// Whether a pair has not been evicted.
  func isKept(_ pair: PairID) -> Bool { pairs[pair.slot].number == pair.number }

  /// Evicts services with their proxies and calls, if the limit is reached.
  mutating func makeRoomForService(_ now: Int64) {
    guard serviceSlots.count >= limits.services else { return }
    let evicted = Set(serviceSlots.leastUsed(of: serviceSlots.taken, limit: limits.services, now: now))
    for instance in instanceSlots.taken where evicted.contains(instances[instance].service) { release(instance) }
    for service in evicted {
      for pair in services[service].pairs.values { evictPair(pair) }
      for pair in services[service].ownPairs.values { evictPair(pair) }
      servicesByName[services[service].name] = nil
      // Earlier evictions of its parts are counted already.
      evictedCount += max(0, serviceSlots.release(service) - services[service].evicted)
      services[service] = Service()
    }
  }

  /// Evicts proxies, if the limit is reached. Judges their calls first.
  mutating func makeRoomForInstance(_ now: Int64) {
    guard instanceSlots.count >= limits.proxies else { return }
    for instance in instanceSlots.leastUsed(of: instanceSlots.taken, limit: limits.proxies, now: now) {
      if !instances[instance].started.isEmpty {
        judge(instance, InboundTimeline(instances[instance].inbound), until: .max)
      }
      count(instances[instance].inbound.count, of: instances[instance].service)
      release(instance)
    }
  }

  /// Evicts pairs, if the limit of a service or of all services is reached.
  mutating func makeRoomForPair(of service: Int, _ names: KeyPath<Service, [String: Int]>, _ now: Int64) {
    let callees = services[service][keyPath: names]
    if callees.count >= limits.calleesPerService {
      for pair in pairSlots.leastUsed(of: callees.values, limit: limits.calleesPerService, now: now) {
        evictPair(pair)
      }
    }
    guard pairSlots.count >= limits.pairs else { return }
    for pair in pairSlots.leastUsed(of: pairSlots.taken, limit: limits.pairs, now: now) { evictPair(pair) }
  }

  /// Removes the times of calls of evicted pairs.
  mutating func pruneCallsOfEvictedPairs(_ instance: Int) {
    // A service has one list for its proxies and one for its own tracer, so at least half of so many entries are of evicted pairs.
    guard instances[instance].lastCall.count / 4 >= max(limits.calleesPerService, 1) else { return }
    instances[instance].lastCall = instances[instance].lastCall.filter { isKept($0.key) }
    instances[instance].groupedUntil = instances[instance].groupedUntil.filter { isKept($0.key) }
  }

  private mutating func evictPair(_ slot: Int) {
    let pair = pairs[slot]
    if pair.isOwn {
      services[pair.service].ownPairs[pair.callee] = nil
    } else {
      services[pair.service].pairs[pair.callee] = nil
    }
    count(pairSlots.release(slot), of: pair.service)
    pairs[slot] = Pair()
  }

  private mutating func release(_ instance: Int) {
    if let proxy = instances[instance].proxy { instancesByProxy[proxy] = nil }
    instances[instance] = Instance()
    _ = instanceSlots.release(instance)
  }

  /// Counts spans of a service as evicted.
  private mutating func count(_ spans: Int, of service: Int) {
    evictedCount += spans
    services[service].evicted += spans
  }
}
