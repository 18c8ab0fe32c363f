/// How much time there is for the end of an Envoy.
struct DrainTime: Sendable, Equatable {
  /// How long requests in flight may take.
  let requests: Duration
  /// How long requests are awaited, though none is in flight: until those who call this proxy know that it ends.
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
  init(inPod drainTime: Duration) {
    let all = drainTime - min(.seconds(1), drainTime / 10)
    requests = all
    callers = min(.seconds(5), all / 3)
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
