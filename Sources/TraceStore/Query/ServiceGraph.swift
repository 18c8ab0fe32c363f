import TraceModel

/// A service that calls another.
public struct DependencyLink: Sendable, Hashable {
  /// The service that calls.
  public var parent: String
  /// The service that is called.
  public var child: String
  /// How many calls there were.
  public var callCount: Int
  /// How many of them failed.
  public var errorCount: Int
}

/// How many calls there were, how many failed, and how long they took: in microseconds, to 1.6 %; 0 if unknown.
public struct CallFigures: Sendable, Hashable {
  /// How many.
  public var calls: Int
  /// How many of them failed.
  public var errors: Int
  /// What half of them did not exceed.
  public var p50: Int64
  /// What nine tenths of them did not exceed.
  public var p90: Int64
  /// What 99 of 100 did not exceed.
  public var p99: Int64
  /// The longest, exactly.
  public var max: Int64

  /// Describes calls.
  package init(calls: Int, errors: Int, p50: Int64, p90: Int64, p99: Int64, max: Int64) {
    self.calls = calls
    self.errors = errors
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.max = max
  }

  init(_ tally: CallTally) {
    calls = Swift.max(0, Int(clamping: tally.calls))
    errors = Swift.max(0, Int(clamping: tally.errors))
    p50 = tally.quantile(0.5)
    p90 = tally.quantile(0.9)
    p99 = tally.quantile(0.99)
    max = tally.longest
  }
}

/// The services of some time and the calls between them.
public struct ServiceGraph: Sendable, Hashable {
  /// A service.
  public struct Service: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// How many spans it reported; 0 for one that is only called, such as a database.
    public var spans: Int
    /// How many requests it served: the receiving sides among its spans, and the beginnings of traces that are no calls to
    /// others. Of a service without those its spans; of one without spans the calls to it.
    public var calls: Int
    /// How many of them failed.
    public var errors: Int

    /// Describes a service.
    package init(name: String, spans: Int, calls: Int, errors: Int) {
      self.name = name
      self.spans = spans
      self.calls = calls
      self.errors = errors
    }
  }

  /// Calls from one service to another.
  public struct Edge: Sendable, Hashable {
    /// The service that calls.
    public var parent: String
    /// The service that is called.
    public var child: String
    /// The calls, as long as they took for the caller if it reported them.
    public var figures: CallFigures

    /// Describes calls.
    package init(parent: String, child: String, figures: CallFigures) {
      self.parent = parent
      self.child = child
      self.figures = figures
    }
  }

  /// The services, by name.
  public var services: [Service]
  /// The calls, by name.
  public var edges: [Edge]
  /// How long the time of the calls is, in milliseconds; see ``CallStatistics/length(now:)``.
  public var length: Int64

  /// Makes a graph of its parts, both sorted by name.
  package init(services: [Service], edges: [Edge], length: Int64) {
    self.services = services
    self.edges = edges
    self.length = length
  }

  init(_ statistics: CallStatistics, now: Int64) {
    length = statistics.length(now: now)
    var requests: [String: (calls: Int, errors: Int)] = [:]
    var called: [String: (calls: Int, errors: Int)] = [:]
    edges = []
    var own: [String: (calls: Int, errors: Int)] = [:]
    func add(_ tally: CallTally, to counts: inout [String: (calls: Int, errors: Int)], _ name: String) {
      counts[name, default: (0, 0)].calls += Int(clamping: tally.calls)
      counts[name, default: (0, 0)].errors += Int(clamping: tally.errors)
    }
    for (subject, tally) in statistics.tallies where tally.calls > 0 {
      switch subject.kind {
      case .span: add(tally, to: &own, subject.service)
      case .request: add(tally, to: &requests, subject.service)
      case .edge:
        edges.append(Edge(parent: subject.service, child: subject.other, figures: CallFigures(tally)))
        add(tally, to: &called, subject.other)
      }
    }
    edges.sort { ($0.parent, $0.child) < ($1.parent, $1.child) }
    let names = Set(own.keys).union(edges.flatMap { [$0.parent, $0.child] })
    services = names.sorted().map { name in
      let counts = requests[name] ?? own[name] ?? called[name] ?? (0, 0)
      return Service(
        name: name, spans: own[name]?.calls ?? 0, calls: max(0, counts.calls), errors: max(0, counts.errors))
    }
  }
}

/// What a service does, by operation.
public struct OperationFigures: Sendable, Hashable {
  /// The operation; empty for those without a name, and for those beyond as many as are listed.
  public var name: String
  /// The requests.
  public var figures: CallFigures

  /// Describes an operation.
  package init(name: String, figures: CallFigures) {
    self.name = name
    self.figures = figures
  }
}

extension CallStatistics {
  /// The operations of a service: of the requests that it served, or if there are none of all its spans.
  package func operations(of service: String) -> [OperationFigures] {
    func figures(_ kind: Call.Kind) -> [OperationFigures] {
      tallies.filter { $0.subject.kind == kind && $0.subject.service == service && $0.tally.calls > 0 }
        .map { OperationFigures(name: $0.subject.other, figures: CallFigures($0.tally)) }.sorted { $0.name < $1.name }
    }
    let requests = figures(.request)
    return requests.isEmpty ? figures(.span) : requests
  }
}
