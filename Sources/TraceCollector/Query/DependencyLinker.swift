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

/// Counts the calls between services in traces, each call once however many sides reported it.
struct DependencyLinker {
  private struct Pair: Hashable {
    let parent: String
    let child: String
  }

  private var counts: [Pair: (calls: Int, errors: Int)] = [:]

  /// Adds a trace.
  mutating func add(_ tree: SpanTree) {
    var hasServerChild = [Bool](repeating: false, count: tree.nodes.count)
    for node in tree.nodes where node.span.kind == .server || node.span.isShared {
      if let parent = node.parent { hasServerChild[parent] = true }
    }
    for (index, node) in tree.nodes.enumerated() {
      let span = node.span
      switch span.kind {
      case .client where !hasServerChild[index]:
        count(caller(of: index, in: tree) ?? "", span.serviceName, isError: false, onlyIfDifferent: true)
        count(span.serviceName, span.remoteServiceName, isError: span.isError)
      case .server:
        let caller = caller(of: index, in: tree) ?? span.remoteServiceName
        let clientFailed = node.parent.map { tree.nodes[$0].span }.map { $0.kind == .client && $0.isError } ?? false
        count(caller, span.serviceName, isError: span.isError || clientFailed)
      case .producer: count(span.serviceName, span.remoteServiceName, isError: span.isError)
      case .consumer: count(span.remoteServiceName, span.serviceName, isError: span.isError)
      case nil where !span.serviceName.isEmpty && !span.remoteServiceName.isEmpty && !hasServerChild[index]:
        count(span.serviceName, span.remoteServiceName, isError: span.isError)
      case .client, nil: break
      }
    }
  }

  /// The service of the nearest call above.
  private func caller(of index: Int, in tree: SpanTree) -> String? {
    var next = tree.nodes[index].parent
    while let parent = next {
      let span = tree.nodes[parent].span
      if span.kind != nil, !span.serviceName.isEmpty { return span.serviceName }
      next = tree.nodes[parent].parent
    }
    return nil
  }

  private mutating func count(_ parent: String, _ child: String, isError: Bool, onlyIfDifferent: Bool = false) {
    guard !parent.isEmpty, !child.isEmpty, !onlyIfDifferent || parent != child else { return }
    counts[Pair(parent: parent, child: child), default: (0, 0)].calls += 1
    if isError { counts[Pair(parent: parent, child: child)]?.errors += 1 }
  }

  /// The calls, by name.
  var links: [DependencyLink] {
    counts.map { pair, count in
      DependencyLink(parent: pair.parent, child: pair.child, callCount: count.calls, errorCount: count.errors)
    }.sorted { ($0.parent, $0.child) < ($1.parent, $1.child) }
  }
}
