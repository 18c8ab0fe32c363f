import Backoff
import Documents
package import Logging
import OrderedCollections
import ServiceLifecycle
import Synchronization

/// Writes events about objects, which `kubectl describe` and `kubectl get events` show.
package final class EventRecorder: Service {
  /// How much an event matters, in the words of the API.
  package enum Severity: String, Sendable, Hashable {
    case normal = "Normal"
    case warning = "Warning"
  }

  /// What an event is about.
  package struct Reference: Sendable, Hashable {
    package var apiVersion: String
    package var kind: String
    package var namespace: String?
    package var name: String
    package var uid: String

    /// Refers to an object.
    package init(_ object: KubernetesObject) {
      apiVersion = object["apiVersion"]?.string ?? ""
      kind = object.kind
      namespace = object.namespace
      name = object.name
      uid = object.uid
    }

    /// The object as the field `involvedObject` names it.
    fileprivate var document: DocumentValue {
      var document: DocumentValue.Object = [
        "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name),
      ]
      if let namespace { document["namespace"] = .string(namespace) }
      if !uid.isEmpty { document["uid"] = .string(uid) }
      return .object(document)
    }
  }

  /// The longest message, in characters.
  package static let messageLimit = 1000

  private let client: KubernetesClient
  private let component: String
  private let instance: String
  private let logger: Logger
  private let start = ContinuousClock.now
  private let state: Mutex<State>

  private struct State {
    var aggregation: EventAggregation
    /// Ends the wait for something to send.
    var wake: AsyncStream<Void>.Continuation?
  }

  /// - Parameters:
  ///   - component: who says it, such as `kuma-control-plane`.
  ///   - instance: which of several processes.
  ///   - isBusy: whether there may be thousands of objects with events; then ten events a second are sent, not one.
  package init(client: KubernetesClient, component: String, instance: String, isBusy: Bool = false, logger: Logger) {
    let pace =
      isBusy ? EventAggregation.Pace(limit: 5000, interval: .milliseconds(100)) : EventAggregation.Pace()
    state = Mutex(State(aggregation: EventAggregation(pace)))
    self.client = client
    self.component = component
    self.instance = instance
    self.logger = logger
  }

  /// Says something of an object. ``run()`` sends it; what is said again counts up one event.
  ///
  /// - Parameters:
  ///   - reason: one word in the form `BackendUnknown`.
  ///   - message: a sentence, cut at ``messageLimit``.
  package func record(_ severity: Severity, about object: Reference, reason: String, message: String) {
    let key = EventAggregation.Key(
      object: object, severity: severity, reason: reason, message: message.printable(atMost: Self.messageLimit))
    state.withLock { state in
      state.aggregation.record(key, at: .now)
      state.wake?.finish()
    }
  }

  /// Sends events until the task is cancelled or the service is shut down.
  package func run() async {
    await cancelWhenGracefulShutdown { await self.send() }
  }

  private func send() async {
    var schedule = BackoffSchedule(minimum: .milliseconds(500), maximum: .seconds(30))
    var trouble: String?
    while !Task.isCancelled {
      let (woken, wake) = AsyncStream.makeStream(of: Void.self)
      let time = ContinuousClock.now - start
      let (next, nextTime) = state.withLock { state in
        let next = state.aggregation.next(at: time)
        state.wake = next == nil ? wake : nil
        return (next, state.aggregation.nextTime(at: time))
      }
      guard let next else {
        await wait(for: nextTime.map { $0 - time }, or: woken)
        continue
      }
      do throws(KubernetesError) {
        let name = try await send(next)
        state.withLock { $0.aggregation.sent(next, name: name) }
        schedule.succeeded()
        trouble = nil
      } catch {
        let isGone = error.code == .notFound && next.name != nil
        let isLost = !isGone && [.invalid, .forbidden, .notFound, .conflict, .kindNotServed].contains(error.code)
        state.withLock { $0.aggregation.failed(next, isLost: isLost, isGone: isGone) }
        if Task.isCancelled { return }
        if isGone { continue }
        if trouble != error.message {
          logger.warning(
            "An event cannot be written\(isLost ? "" : "; trying again")", metadata: ["error": "\(error.message)"])
        }
        trouble = error.message
        if !isLost { try? await Task.sleep(for: schedule.failed(.random(in: 0...1))) }
      }
    }
  }

  /// Waits for a time, or until a stream ends.
  private func wait(for time: Duration?, or woken: AsyncStream<Void>) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in woken {} }
      if let time { group.addTask { try? await Task.sleep(for: max(time, .milliseconds(10))) } }
      await group.next()
      group.cancelAll()
    }
  }

  private func send(_ sending: EventAggregation.Sending) async throws(KubernetesError) -> String {
    // Events about objects outside namespaces live in this one.
    let namespace = sending.key.object.namespace ?? "default"
    // The times of events have whole seconds.
    let last = DocumentValue.string(Timestamp(seconds: sending.last.seconds).description)
    if let name = sending.name {
      let change: DocumentValue = ["count": .integer(Int64(sending.count)), "lastTimestamp": last]
      _ = try await client.patch(
        .event, namespace: namespace, name: name, .merge(change), fieldManager: component)
      return name
    }
    let unique = String(UInt64.random(in: .min ... .max), radix: 16)
    var event = KubernetesObject(
      .event, namespace: namespace, name: "\(sending.key.object.name.prefix(200)).\(unique)")
    event["involvedObject"] = sending.key.object.document
    event["type"] = .string(sending.key.severity.rawValue)
    event["reason"] = .string(sending.key.reason)
    event["message"] = .string(sending.key.message)
    event["source"] = ["component": .string(component)]
    event["reportingComponent"] = .string(component)
    event["reportingInstance"] = .string(instance)
    event["count"] = .integer(Int64(sending.count))
    event["firstTimestamp"] = .string(Timestamp(seconds: sending.first.seconds).description)
    event["lastTimestamp"] = last
    return try await client.create(.event, event).name
  }
}
