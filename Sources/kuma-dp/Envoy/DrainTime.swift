/// How much time there is for the end of an Envoy.
struct DrainTime: Sendable, Equatable {
  /// How long requests in flight may take.
  let requests: Duration
  /// For how long no new request may have come: until those who call this proxy know that it ends, and its application calls nobody.
  let callers: Duration
  /// How long everything may take, spans included; `nil` without a limit.
  let all: Duration?

  /// The time of a proxy that nobody kills: spans are sent after the requests.
  ///
  /// - Parameter drainTime: how long requests in flight may take.
  init(_ drainTime: Duration) {
    requests = drainTime
    callers = .zero
    all = nil
  }

  /// The time of a proxy in a pod. The kubelet kills what still runs when the grace period of the pod is over, which is as long as
  /// the drain time unless somebody changes one of them. Callers learn of the end from the API server, at the same time as the
  /// kubelet does, and the pod's own containers may go on calling others until they end.
  ///
  /// - Parameter isLast: whether the application has ended before.
  init(inPod drainTime: Duration, isLast: Bool = false) {
    let all = drainTime - min(.seconds(1), drainTime / 10)
    requests = all
    callers = isLast ? .zero : min(.seconds(5), all / 3)
    self.all = all
  }

  /// How long requests in flight may take so that their spans can be sent.
  ///
  /// - Parameter spans: how long spans may take to be sent. They get a third of the time at most.
  func forRequests(beforeSpansOf spans: Duration) -> Duration {
    guard let all else { return requests }
    return all - min(spans, all / 3)
  }

  /// Whether no time is left.
  ///
  /// - Parameter now: since the drain began.
  func isOver(at now: Duration) -> Bool { all.map { now >= $0 } ?? false }
}

/// Whether an Envoy has nothing to do any more. A value: the caller passes the time, since any start.
struct QuietTime: Sendable {
  private let length: Duration
  private var last: (count: Int64, time: Duration)?

  /// - Parameter length: for how long no new request may have come.
  init(_ length: Duration) { self.length = length }

  /// Whether it is quiet. Ask every now and then.
  ///
  /// - Parameters:
  ///   - busy: how many requests and connections are in flight.
  ///   - count: how many there have been.
  mutating func isQuiet(busy: Int64, count: Int64, at now: Duration) -> Bool {
    if last?.count != count || busy > 0 { last = (count, now) }
    return busy == 0 && now - (last?.time ?? now) >= length
  }
}
