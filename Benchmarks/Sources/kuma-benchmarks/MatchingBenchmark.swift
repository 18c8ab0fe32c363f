import MeshModel
import MeshPolicy

/// Which policy applies to which proxy: 10,000 proxies of 100 services, 1000 policies.
enum MatchingBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let proxies = proxies(context.size(10_000, quick: 2000))
    let policies = policies(1000)
    let matcher = PlainMatcher(policies: policies.map { ($0.key, $0.value.content, $0.value.creationTime) })
    let rounds = context.size(7, quick: 5)
    let size = "\(proxies.count) proxies x \(policies.count) policies"

    var winners: [String: String] = [:]
    let matching = try await Comparison(rounds: rounds) {
      winners = [:]
      return await Cost.of {
        var index = PolicyIndex()
        for (name, policy) in policies { index.insert(name, policy.content, creationTime: policy.creationTime) }
        for (name, proxy) in proxies { winners[name] = index.winner(for: proxy.tagSets)?.name }
      }.cpu
    } baseline: {
      var plain: [String: String] = [:]
      let cost = await Cost.of { for (name, proxy) in proxies { plain[name] = matcher.winner(for: proxy) } }
      try BenchmarkFailure.unless(winners == plain, "index and plain matching disagree on winners")
      return cost.cpu
    }

    var index = MeshIndex(name: "default")
    var plain: [String: String] = [:]
    let building = try await Comparison(rounds: rounds) {
      index = MeshIndex(name: "default")
      return await Cost.of { _ = index.apply(change(proxies, policies)) }.cpu
    } baseline: {
      plain = [:]
      return await Cost.of {
        for (name, proxy) in proxies { plain[name] = matcher.winner(for: proxy) }
      }.cpu
    }
    for name in proxies.keys {
      try BenchmarkFailure.unless(
        index.winner(for: name)?.name == plain[name], "index and plain matching disagree on the winner of \(name)")
    }

    return [
      ResultRow(
        "matching", "\(size), all winners, CPU", in: .seconds, against: "every policy compared with every proxy",
        matching),
      ResultRow(
        "matching", "\(size), MeshIndex with all else, CPU", in: .seconds,
        against: "every policy compared with every proxy", building),
      ResultRow(
        "matching", "one policy moves to another service, CPU", in: .seconds,
        against: "the winners of all proxies anew, same index",
        try await change(of: index, proxies, policies, rounds: rounds)),
    ]
  }

  /// A policy changes the service that it selects; the index finds out which proxies that concerns.
  private static func change(
    of index: MeshIndex, _ proxies: [String: Dataplane],
    _ policies: [String: (content: TrafficTrace, creationTime: Timestamp)], rounds: Int
  ) async throws -> Comparison {
    let name = "policy-1"
    guard let creationTime = policies[name]?.creationTime else {
      throw BenchmarkFailure(description: "there is no \(name)")
    }
    // Two more tags than the others have make it the winner wherever it matches.
    let steps = ["service-7", "service-8"].map { service in
      var change = MeshIndex.Change()
      let match = [TagName.service: service, TagName.protocol: "http", TagName.zone: "*", "version": "*"]
      change.policies[name] = (TrafficTrace(selectors: [.init(match: match)], backend: "jaeger"), creationTime)
      return change
    }
    var index = index
    var all = PolicyIndex()
    for (name, policy) in policies { all.insert(name, policy.content, creationTime: policy.creationTime) }
    let repetitions = 20
    let expected = proxies.count / 100
    return try await Comparison(rounds: rounds) {
      try await Cost.of {
        for repetition in 0..<repetitions {
          let (affected, _) = index.apply(steps[repetition % 2])
          let winners = affected.count { index.winner(for: $0)?.name == name }
          try BenchmarkFailure.unless(
            winners == expected, "\(expected) proxies should have gone to \(name), but \(winners) have")
        }
      }.cpu / Double(repetitions)
    } baseline: {
      try await Cost.of {
        for repetition in 0..<repetitions {
          guard case .some(.some(let policy)) = steps[repetition % 2].policies[name] else { continue }
          all.insert(name, policy.content, creationTime: policy.creationTime)
          var winners = 0
          for proxy in proxies.values where all.winner(for: proxy.tagSets)?.name == name { winners += 1 }
          try BenchmarkFailure.unless(
            winners == expected, "\(name) should win \(expected) proxies, but wins \(winners)")
        }
      }.cpu / Double(repetitions)
    }
  }

  private static func change(
    _ proxies: [String: Dataplane], _ policies: [String: (content: TrafficTrace, creationTime: Timestamp)]
  ) -> MeshIndex.Change {
    var change = MeshIndex.Change()
    change.mesh = Mesh(tracing: SampleMesh.tracing(path: "/api/v2/spans"))
    for (name, proxy) in proxies { change.dataplanes[name] = .some(proxy) }
    for (name, policy) in policies { change.policies[name] = .some(policy) }
    return change
  }

  private static func proxies(_ count: Int) -> [String: Dataplane] {
    var proxies: [String: Dataplane] = [:]
    for number in 0..<count {
      let tags = [
        TagName.service: "service-\(number % 100)", TagName.protocol: "http", TagName.zone: "zone-\(number % 3)",
        "version": "v\(number / 100 % 5)", "team": "team-\(number % 10)",
      ]
      proxies["proxy-\(number)"] = SampleMesh.proxy(number, tags: tags, calls: [])
    }
    return proxies
  }

  /// One policy for all, and policies for a service, for a version of a service and for a team in a zone.
  private static func policies(
    _ count: Int
  ) -> [String: (content: TrafficTrace, creationTime: Timestamp)] {
    var policies: [String: (content: TrafficTrace, creationTime: Timestamp)] = [:]
    for number in 0..<count {
      let service = "service-\(number / 4 % 120)"
      let match: [String: String] =
        switch number % 4 {
        case _ where number == 0: [TagName.service: "*"]
        case 0, 1: [TagName.service: service]
        case 2: [TagName.service: service, "version": "v\(number / 480 % 5)"]
        default: [TagName.service: "*", "team": "team-\(number % 15)", TagName.zone: "zone-\(number % 4)"]
        }
      policies["policy-\(number)"] = (
        TrafficTrace(selectors: [.init(match: match)], backend: "jaeger"), Timestamp(seconds: Int64(number))
      )
    }
    return policies
  }
}
