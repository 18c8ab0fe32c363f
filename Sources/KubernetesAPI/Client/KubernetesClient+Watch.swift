import AsyncHTTPClient
import Documents
import NIOCore
import NIOHTTP1
import Synchronization

extension KubernetesClient {
  /// Watches a kind until the API server ends the watch, which it does after some minutes, and whenever the definition of a
  /// custom resource changes. Watch again then from the last version seen.
  ///
  /// - Parameters:
  ///   - namespace: only the objects there; `nil` for all.
  ///   - name: only the object of that name; `nil` for all.
  ///   - resourceVersion: of a list, an object or a bookmark; what happened after it is told.
  ///   - handle: called with events in order, all that arrived together at once. The first call has no events: the API
  ///     server has accepted the watch.
  /// - Throws: ``KubernetesError`` with the code `expired` when the version is too old: list again.
  package func watch(
    _ kind: KubernetesKind, namespace: String? = nil, name: String? = nil, from resourceVersion: String,
    _ handle: @escaping @Sendable ([WatchEvent]) async -> Void
  ) async throws(KubernetesError) {
    let seconds = Int.random(in: settings.watchSeconds)
    let request = APIRequest(
      verb: "watch", kind: kind, namespace: namespace, method: .GET,
      query: Self.selector(name) + [
        ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", resourceVersion),
        ("timeoutSeconds", String(seconds)),
      ], time: settings.requestTime)
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
      throw failure(error, of: request)
    }
  }

  private func read(
    _ request: APIRequest, _ activity: WatchActivity, _ handle: @Sendable ([WatchEvent]) async -> Void
  ) async throws {
    let (response, _) = try await within(request.time) { try await self.head(of: request, pool: .watches) }
    guard response.status == .ok else {
      let reply = try await within(request.time) { await StatusReply(response, limit: Self.errorLimit) }
      throw reply.error(for: request, on: access.server)
    }
    activity.note(version: response.version)
    await handle([])
    var reader = WatchLineReader(request.kind, limit: Self.objectLimit)
    for try await part in response.body {
      activity.note()
      var events: [WatchEvent] = []
      do throws(WatchLineReader.Stop) {
        try reader.take(part.readableBytesView, into: &events)
      } catch {
        if !events.isEmpty { await handle(events) }
        throw stopped(error, request)
      }
      if !events.isEmpty { await handle(events) }
    }
    // A cancelled task ends the body as the server does.
    try Task.checkCancellation()
    if reader.isWithinLine { throw HTTPClientError.remoteConnectionClosed }
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
      try await Task.sleep(until: min(last + settings.silence, end))
      if ContinuousClock.now >= end {
        discard(currentTransport, isClosing: true)
        throw dead(request, "has not ended the watch at the time that was asked for")
      }
      guard activity.last <= last, let version = activity.version else { continue }
      let transport = currentTransport
      do {
        try await check(transport)
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        discard(transport, isClosing: true)
        throw dead(request, "has sent nothing for \(settings.silence), and did not answer a check: \(error)")
      }
      // Over HTTP/1.1 the check has gone over another connection than the watch, so it says nothing about that one.
      if version.major < 2 { return }
      checked = .now
    }
  }

  private func dead(_ request: APIRequest, _ words: String) -> KubernetesError {
    KubernetesError(
      code: .unavailable,
      message: "\(request.sentence(on: access.server)): the API server \(words)".printable(atMost: 1000))
  }

  /// Asks for something small over the connections of the watches. Any answer will do.
  private func check(_ transport: Transport?) async throws {
    guard let transport else { return }
    var request = HTTPClientRequest(url: access.requestURL + "/version")
    if access.serverName != nil, let authority = access.authority {
      request.headers.add(name: "host", value: authority)
    }
    let message = request
    _ = try await within(settings.checkTime) {
      let response = try await transport[.watches].execute(message, deadline: .distantFuture)
      _ = await StatusReply(response, limit: Self.errorLimit)
    }
  }
}

/// When a watch last received something, and how it is transported.
private final class WatchActivity: Sendable {
  private let state = Mutex((last: ContinuousClock.now, version: HTTPVersion?.none))

  var last: ContinuousClock.Instant { state.withLock { $0.last } }
  /// The version of HTTP; `nil` before the head of the answer.
  var version: HTTPVersion? { state.withLock { $0.version } }

  func note(version: HTTPVersion? = nil) {
    state.withLock {
      $0.last = .now
      if let version { $0.version = version }
    }
  }
}
