import TraceModel

/// The calls from one service to another.
public struct DependencyLink: Sendable, Hashable {
  /// The calling service.
  public var parent: String
  /// The called service.
  public var child: String
  /// The number of calls.
  public var callCount: Int
  /// The number of failed calls.
  public var errorCount: Int
}

/// Counts and durations of calls. Durations are in microseconds with an error of at most 1.6 %; 0 if unknown.
public struct CallFigures: Sendable, Hashable {
  /// The number of calls.
  public var calls: Int
  /// The number of failed calls.
  public var errors: Int
  /// The median duration.
  public var p50: Int64
  /// The duration that 90 % of the calls did not exceed.
  public var p90: Int64
  /// The duration that 99 % of the calls did not exceed.
  public var p99: Int64
  /// The longest duration, exactly.
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

/// The services of a time range, and the calls between them.
public struct ServiceGraph: Sendable, Hashable {
  /// A service.
  public struct Service: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// The number of spans that it reported; 0 for a service that is only called, such as a database.
    public var spans: Int
    /// The number of requests that it served: its server spans, and its root spans that are not calls to others. If there are none,
    /// the number of its spans; if it has no spans, the number of calls to it.
    public var calls: Int
    /// How many of these requests failed.
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
    /// The calling service.
    public var parent: String
    /// The called service.
    public var child: String
    /// The calls. Durations are those that the caller reported, if it did.
    public var figures: CallFigures

    /// Describes calls.
    package init(parent: String, child: String, figures: CallFigures) {
      self.parent = parent
      self.child = child
      self.figures = figures
    }
  }

  /// The services, sorted by name.
  public var services: [Service]
  /// The calls, sorted by name.
  public var edges: [Edge]
  /// The length of the time that has calls, in milliseconds; see ``CallStatistics/length(now:)``.
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

/// An operation of a service, with its calls.
public struct OperationFigures: Sendable, Hashable {
  /// The operation's name; empty for operations without a name, and for names that are not listed.
  public var name: String
  /// Its requests.
  public var figures: CallFigures

  /// Describes an operation.
  package init(name: String, figures: CallFigures) {
    self.name = name
    self.figures = figures
  }
}

extension CallStatistics {
  /// The operations of a service, from the requests that it served; if there are none, from all its spans.
  package func operations(of service: String) -> [OperationFigures] {
    func figures(_ kind: Call.Kind) -> [OperationFigures] {
      tallies.filter { $0.subject.kind == kind && $0.subject.service == service && $0.tally.calls > 0 }
        .map { OperationFigures(name: $0.subject.other, figures: CallFigures($0.tally)) }.sorted { $0.name < $1.name }
    }
    let requests = figures(.request)
    return requests.isEmpty ? figures(.span) : requests
  }
}
