import TraceModel

extension PropagationAnalyzer {
  private static let reachesPerGroup: Int64 = 3
  private static let callsPerGroup = 16
  /// How long after a request its id still identifies work done for it, in microseconds.
  static let memoryOfIDs: Int64 = 60_000_000

  /// Judges the calls of a proxy, then prunes the older half of its events.
  mutating func makeRoom(_ index: Int) {
    let ends = instances[index].inbound.map(\.end).sorted()
    guard let middle = ends.isEmpty ? nil : ends[ends.count / 2] else {
      // There are calls only, and no requests for which they could have been made.
      judge(index, InboundTimeline([]), until: .max)
      return
    }
    if !instances[index].started.isEmpty {
      judge(index, InboundTimeline(instances[index].inbound), until: ends[ends.count * 3 / 4])
    }
    instances[index].inbound.removeAll { $0.end <= middle }
    instances[index].prunedUntil = max(instances[index].prunedUntil, middle)
    // The remaining calls are much newer than any request.
    if instances[index].started.count > limits.leastEventsPerProxy {
      judge(index, InboundTimeline(instances[index].inbound), until: .max)
    }
  }

  /// Judges all pending calls with the current state.
  ///
  /// - Parameter names: the services whose calls are judged; `nil` for all.
  mutating func judgeAll(of names: Set<String>? = nil) {
    for index in instances.indices where !instances[index].started.isEmpty {
      if let names, !names.contains(services[instances[index].service].name) { continue }
      judge(index, InboundTimeline(instances[index].inbound), until: .max)
    }
  }

  /// Judges the calls of a proxy that began before a moment, minus the reach.
  mutating func judge(_ index: Int, _ timeline: InboundTimeline, until: Int64) {
    let last = until == .max ? until : until - timeline.reach
    var ripe: [StartedCall] = []
    instances[index].started.removeAll { call in
      guard call.start <= last else { return false }
      ripe.append(call)
      return true
    }
    ripe.removeAll { !isKept($0.pair) }
    ripe.sort { $0.start < $1.start }
    var byNumber: [UInt64: InboundRequest] = [:]
    if ripe.contains(where: { $0.requestNumber != 0 }) {
      for request in timeline.requests where request.requestNumber != 0 { byNumber[request.requestNumber] = request }
    }
    var byPair: [PairID: [StartedCall]] = [:]
    for call in ripe {
      judge(call, index, timeline, byNumber)
      byPair[call.pair, default: []].append(call)
    }
    for (pair, calls) in byPair { group(calls, pair, index, timeline) }
    pruneCallsOfEvictedPairs(index)
  }

  /// Turns the calls from a proxy to a callee, sorted by start, into observations.
  private mutating func group(_ calls: [StartedCall], _ pair: PairID, _ index: Int, _ timeline: InboundTimeline) {
    let reach = timeline.reach
    var next = 0
    while next < calls.count {
      let first = calls[next].start
      guard first - reach >= max(instances[index].prunedUntil, instances[index].groupedUntil[pair] ?? .min) else {
        next += 1
        continue
      }
      guard first + reach <= timeline.knownUntil else { return }
      var group: [StartedCall] = []
      while next < calls.count, calls[next].start < first + Self.reachesPerGroup * reach,
        calls[next].start + reach <= timeline.knownUntil
      {
        group.append(calls[next])
        next += 1
      }
      // A sample that does not depend on times; trace ids are random.
      if group.count > Self.callsPerGroup {
        group = Array(group.sorted { $0.trace.low < $1.trace.low }.prefix(Self.callsPerGroup))
      }
      instances[index].groupedUntil[pair] = calls[next - 1].start + reach
      let observation = timeline.observation(of: group.map(\.start))
      pairs[pair.slot].calls.change(at: first) { $0.test.observe(observation) }
    }
  }

  private mutating func judge(
    _ call: StartedCall, _ index: Int, _ timeline: InboundTimeline, _ byNumber: [UInt64: InboundRequest]
  ) {
    let count = timeline.count(at: call.start)
    var counts = CallCounts()
    counts.begun = 1
    if count > 0 { counts.inFlight = 1 }
    var certain: InboundRequest?
    if call.requestNumber != 0, let request = byNumber[call.requestNumber], request.trace != call.trace,
      request.start <= call.start, call.start < request.end + Self.memoryOfIDs
    {
      certain = request
      if request.end > call.start {
        counts.certain = 1
      } else {
        counts.late = 1
        if count == 0 { counts.lateAlone = 1 }
      }
    }
    pairs[call.pair.slot].calls.change(at: call.start) { $0.add(counts) }
    let lastCall = instances[index].lastCall[call.pair]
    instances[index].lastCall[call.pair] = call.start
    tally(call.pair, index) { $0.noteStarted(at: call.start, isAttributed: counts.started > 0) }
    guard counts.started > 0 else { return }
    pairs[call.pair.slot].lastStarted = max(pairs[call.pair.slot].lastStarted, call.start)
    pairs[call.pair.slot].recent.note(at: call.start, isContinued: false)
    let candidates = timeline.candidates(at: call.start)
    guard let latest = candidates.first ?? certain else { return }
    // With more requests in flight, the latest start is often of an unrelated request. Only the first call for a request counts.
    if count > 2 {
      pairs[call.pair.slot].locks.observeCrowd()
    } else if count > 0, let lastCall, lastCall < latest.start {
      let end = timeline.lastEnd(before: call.start).map { call.start - $0 }
      pairs[call.pair.slot].locks.observe(
        LockTest.Sample(
          start: call.start - latest.start, end: end.flatMap { $0 <= 4 * timeline.reach ? $0 : nil },
          call: call.start - lastCall))
    }
    if candidates.count == 1 || certain != nil, let size = (certain ?? latest).size {
      pairs[call.pair.slot].requestSizes.note(at: call.start, size: size, isContinued: false)
    }
    pairs[call.pair.slot].note(
      PropagationReport.Example(
        trace: (certain ?? latest).trace, brokenTrace: call.trace, time: call.start, candidates: count,
        isCertain: certain != nil), limit: limits.examplesPerCallee)
  }
}

extension PropagationAnalyzer.Pair {
  fileprivate mutating func note(_ example: PropagationReport.Example, limit: Int) {
    if examples.count < limit {
      examples.append(example)
    } else if limit > 0 {
      examples[nextExample] = example
      nextExample = (nextExample + 1) % limit
    }
  }
}
