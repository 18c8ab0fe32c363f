import AsyncHTTPClient
import ConnectionFaults
import Documents
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

extension KubernetesClient {
  /// Watches a kind until the API server ends the watch, which it does after some minutes, and whenever the definition of a
  /// custom resource changes. Watch again then from the last version seen.
  ///
  /// - Parameters:
  ///   - namespace: only the objects there; `nil` for all.
  ///   - name: only the object of this name; `nil` for all. A right on that name is enough then.
  ///   - type: only the Secrets of this type; `nil` for all.
  ///   - resourceVersion: of a list, an object or a bookmark; what happened after it is told.
  ///   - handle: called with events in order, all that arrived together at once. The first call has no events: the API
  ///     server has accepted the watch.
  /// - Throws: ``KubernetesError`` with the code `expired` when the version is too old: list again.
  package func watch(
    _ kind: KubernetesKind, namespace: String? = nil, name: String? = nil, type: String? = nil,
    from resourceVersion: String, _ handle: @escaping @Sendable ([WatchEvent]) async -> Void
  ) async throws(KubernetesError) {
    let seconds = Int.random(in: settings.watchSeconds)
    let request = APIRequest(
      verb: "watch", kind: kind, namespace: namespace, selectedName: name, selectedType: type, method: .GET,
      query: [
        ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", resourceVersion),
        ("timeoutSeconds", String(seconds)),
      ], time: settings.requestTime)
    _ = try request.path(on: access.server)
    let activity = WatchActivity()
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await self.read(request, activity, handle) }
        group.addTask { try await self.guardWatch(request, activity, end: .now + .seconds(seconds + 30)) }
        // The first to end decides: the server has ended the watch, or it is dead.
        try await group.next()
      }
    } catch {
      throw await failure(error, of: request)
    }
  }

  private func read(
    _ request: APIRequest, _ activity: WatchActivity, _ handle: @Sendable ([WatchEvent]) async -> Void
  ) async throws {
    let answer = try await openWatch(request)
    activity.open(answer)
    await handle([])
    var reader = WatchLineReader(request.kind, limit: Self.objectLimit)
    for try await part in answer.response.body {
      activity.note()
      var events: [WatchEvent] = []
      do throws(WatchLineReader.Stop) {
        try reader.take(part.readableBytesView, into: &events)
      } catch {
        if !events.isEmpty { await handle(events) }
        throw stopped(error, request)
      }
      if !events.isEmpty { await handle(events) }
      activity.note()
    }
    // A cancelled task ends the body as the server does.
    try Task.checkCancellation()
    if reader.isWithinLine { throw HTTPClientError.remoteConnectionClosed }
  }

  private func openWatch(_ request: APIRequest) async throws -> Answer {
    try await within(request.time) {
      var answer = try await self.head(of: request, isWatch: true)
      if answer.response.status == .unauthorized, await self.hasNewer(than: answer.sender) {
        answer = try await self.head(of: request, isWatch: true)
      }
      if answer.response.status == .ok { return answer }
      throw self.refusal(
        await StatusReply(answer, limit: Self.errorLimit), of: request, sender: answer.sender)
    }
  }

  private func stopped(_ stop: WatchLineReader.Stop, _ request: APIRequest) -> KubernetesError {
    switch stop {
    case .error(let reply): return reply.error(for: request, on: access.server)
    case .unreadable(let words):
      return KubernetesError(
        code: .unreadable, message: "\(request.sentence(on: access.server)): \(words)", status: 200)
    }
  }

  /// Checks the connection of a watch while the watch is silent. Returns when the watch is better begun anew; throws when
  /// the connection is dead.
  private func guardWatch(
    _ request: APIRequest, _ activity: WatchActivity, end: ContinuousClock.Instant
  ) async throws {
    var checked = ContinuousClock.now
    while true {
      let last = max(checked, activity.last)
      try await Task.sleep(until: min(last + settings.silence, end), clock: .continuous)
      if ContinuousClock.now >= end {
        if let transport = activity.answer?.transport { discard(transport, isClosing: true) }
        throw dead(request, "has not ended the watch at the time that was asked for")
      }
      guard let answer = activity.answer else {
        // The head of the answer has a time limit of its own.
        checked = .now
        continue
      }
      let transport = answer.transport
      guard activity.last <= last else { continue }
      do {
        try await within(settings.checkTime) {
          try await self.check(transport, over: transport.watches ?? transport.requests)
        }
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        discard(transport, isClosing: true)
        throw dead(request, "has sent nothing for \(settings.silence), and did not answer a check")
      }
      // Over HTTP/1.1 the check has gone over another connection than the watch, so it says nothing about that one.
      if answer.response.version.major < 2 { return }
      // Also with HTTP/2 when the API server has asked for a new connection (GOAWAY) since: what runs stays on the old one.
      if ContinuousClock.now - activity.last >= settings.longestSilence {
        logger.debug(
          "a watch has told nothing for long; it begins again", metadata: ["kind": "\(request.kind.qualifiedName)"])
        return
      }
      checked = .now
    }
  }

  private func dead(_ request: APIRequest, _ words: String) -> KubernetesError {
    KubernetesError(
      code: .unavailable,
      message: "\(request.sentence(on: access.server)): the API server \(words); the watch begins again")
  }
}

/// When a watch last received something, and over what.
private final class WatchActivity: Sendable {
  private struct State {
    var last = ContinuousClock.now
    var answer: KubernetesClient.Answer?
  }

  private let state = Mutex(State())

  var last: ContinuousClock.Instant { state.withLock { $0.last } }
  /// The head of the answer; `nil` before it is there.
  var answer: KubernetesClient.Answer? { state.withLock { $0.answer } }

  func open(_ answer: KubernetesClient.Answer) { state.withLock { $0 = State(answer: answer) } }

  func note() { state.withLock { $0.last = .now } }
}
