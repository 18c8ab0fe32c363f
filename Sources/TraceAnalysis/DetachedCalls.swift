package import TraceModel

/// A call whose parent was never reported, and the request of the same trace for which it was probably made.
package struct DetachedCall: Sendable, Equatable {
  /// The nodes of the call and of the request.
  package let node: Int
  package let under: Int
  /// The reason, as a sentence.
  package let reason: String
}

extension SpanTree {
  private static let detachedCalls = 1_000

  /// The requests for which calls without a parent were probably made: of those that the same proxy was handling in the same trace,
  /// the newest one. At most one for each call, and none if there is no such request.
  package var detachedCalls: [DetachedCall] {
    var requests: [ProxyInstance: [Int]] = [:]
    for (index, node) in nodes.enumerated() where node.span.isInbound && node.span.isProxied {
      requests[ProxyInstance(node.span), default: []].append(index)
    }
    guard !requests.isEmpty else { return [] }
    for key in requests.keys {
      requests[key]?.sort { (nodes[$0].span.timestamp, $0) < (nodes[$1].span.timestamp, $1) }
    }
    var calls: [DetachedCall] = []
    for (index, node) in nodes.enumerated() where node.isDetached && node.span.isOutbound && node.span.isProxied {
      guard calls.count < Self.detachedCalls else { break }
      let span = node.span
      let known = requests[ProxyInstance(span)] ?? []
      var (low, high) = (0, known.count)
      while low < high {
        let middle = (low + high) / 2
        if nodes[known[middle]].span.timestamp <= span.timestamp { low = middle + 1 } else { high = middle }
      }
      // Few requests of a trace are at one proxy at a time.
      let earlier = known[..<low].suffix(64)
      guard let under = earlier.last(where: { nodes[$0].span.end > span.timestamp }) ?? earlier.last else { continue }
      let isOnly = earlier.count == 1
      calls.append(
        DetachedCall(
          node: index, under: under,
          reason:
            "its parent was never reported; this is \(isOnly ? "the one request" : "the newest request") of the trace that "
            + "the same proxy received before"))
    }
    return calls
  }
}
