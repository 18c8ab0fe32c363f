import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS
import TestSupport

@testable import MeshControl

/// What control planes of a simulation do, and the rules that must hold whenever they do something.
extension LifecycleSimulation {
  mutating func handle(_ event: ProxyRegistry.Event, _ index: Int) {
    wall.advance(by: .nanoseconds(1))
    let counts = planes[index].counts
    let context = LifecycleContext(settings: planes[index].settings, now: now, time: wall.time) {
      counts[$0] ?? DataplaneInsight.Status()
    }
    for action in planes[index].registry.handle(event, context) { perform(action, index) }
  }

  mutating func perform(_ action: ProxyRegistry.Action, _ index: Int) {
    switch action {
    case .perform(let request, let proxy, _):
      let isAtOnce = Bool.random(using: &generator)
      planes[index].pending.append(
        Pending(action: action, answer: isAtOnce ? answer(request, proxy, index) : nil))
    case .findPresent, .readStoredProxies: planes[index].pending.append(Pending(action: action))
    case .admit(let stream): answered(stream, true)
    case .refuse(let stream, let refusal):
      note("\(stream) is refused: \(refusal.reason)")
      if refusal.code == .permissionDenied { refused += 1 }
      answered(stream, false)
    case .end(let stream, let refusal):
      note("\(stream) is ended: \(refusal.reason)")
      ended.insert(stream)
      planes[index].pending.append(Pending(action: action))
    case .disconnect(let proxy, _): planes[index].connected[proxy, default: 0] -= 1
    case .setTimer(let time): planes[index].timer = time
    case .takeCounts:
      let changed = planes[index].changed
      planes[index].changed = []
      handle(.countsTaken(streams: changed), index)
    case .stopped: planes[index].isStopped = true
    case .log(let line): note("\(planes[index].instance): \(line.message) \(line.metadata["proxy"] ?? "")")
    case .giveBackMemory: break
    }
  }

  private mutating func answered(_ stream: String, _ isAdmitted: Bool) {
    answers[stream, default: 0] += 1
    if answers[stream, default: 0] > 1 { fail("\(stream) was answered more than once") }
    guard let index = clients.firstIndex(where: { $0.stream == stream }) else { return }
    if isAdmitted { clients[index].isAdmitted = true } else { clients.remove(at: index) }
  }

  mutating func answer(
    _ request: ProxyLifecycle.Request, _ proxy: ProxyID, _ index: Int
  ) -> ProxyLifecycle.Answer {
    switch request {
    case .connect:
      planes[index].connected[proxy, default: 0] += 1
      return .done
    case .adopt:
      planes[index].adopted.insert(proxy)
      return .adopted(true)
    case .release:
      planes[index].adopted.remove(proxy)
      return .done
    case .find(let instances):
      guard !store.fails(using: &generator) else { return .failed(FailingStore.unavailable) }
      return .instances(instances.intersection(planes.map(\.instance)))
    case .get: return store.answer(request, proxy.mesh, proxy.name, using: &generator)
    case .put(let resource, _):
      let before = stored(resource.type, proxy)
      let answer = store.answer(request, proxy.mesh, proxy.name, using: &generator)
      if stored(resource.type, proxy) != before {
        check(resource, before, proxy)
        if resource.type == .dataplane { announce(proxy) }
      }
      if case .done = answer, resource.type == .dataplane { planes[index].adopted.remove(proxy) }
      return answer
    case .delete:
      let before = stored(.dataplane, proxy)
      if plan.planes == 1, removed.contains(proxy) { fail("\(proxy.name) is removed twice") }
      let answer = store.answer(request, proxy.mesh, proxy.name, using: &generator)
      if let before, stored(.dataplane, proxy) == nil {
        checkRemoval(of: proxy, index)
        if plan.hasTokens { checkRight(toRemove: before, proxy) }
      }
      return answer
    }
  }

  mutating func storedProxies() -> Result<ProxyRegistry.StoredProxies, StoreError> {
    guard !store.fails(using: &generator) else { return .failure(FailingStore.unavailable) }
    var storedProxies = ProxyRegistry.StoredProxies()
    if plan.isShared {
      storedProxies.insights = store.store.list(.dataplaneInsight, mesh: nil)
      storedProxies.present = Set(planes.map(\.instance))
    }
    storedProxies.dataplanes = store.store.list(.dataplane, mesh: nil)
      .filter { $0.labels[LifecycleSettings.registrationLabel] != nil }
    return .success(storedProxies)
  }

  func stored(_ type: ResourceType, _ proxy: ProxyID) -> Resource? {
    store.store.get(ResourceKey(type: type, mesh: proxy.mesh, name: proxy.name))
  }

  // MARK: What must hold

  /// A resource was written.
  private mutating func check(_ new: Resource, _ old: Resource?, _ proxy: ProxyID) {
    writes += 1
    guard let insight = new.content(DataplaneInsight.self) else {
      removed.remove(proxy)
      if plan.hasTokens, let old, Self.service(of: old) != Self.service(of: new) {
        fail("\(proxy.name), which is \(Self.service(of: old)), is replaced by a proxy that may not speak for it")
      }
      if let old, old.says(new), !plan.isShared { fail("\(proxy.name) is registered although nothing has changed") }
      causes[proxy, default: 0] -= 1
      // What was done although its answer was lost may be done again.
      if causes[proxy, default: 0] < 0, store.lostAnswers == 0 {
        fail("the Dataplane of \(proxy.name) is written for no reason")
      }
      return
    }
    guard let before = old?.content(DataplaneInsight.self) else { return }
    if insight == before { fail("the insight of \(proxy.name) is written although nothing has changed") }
    for subscription in insight.subscriptions {
      guard let earlier = before.subscriptions.first(where: { $0.id == subscription.id }) else { continue }
      if subscription.status.total.responsesSent < earlier.status.total.responsesSent {
        fail("the counts of \(subscription.id) go down")
      }
      if subscription.disconnectTime == nil, earlier.disconnectTime != nil { fail("\(subscription.id) ends and lasts") }
    }
  }

  private mutating func checkRemoval(of proxy: ProxyID, _ index: Int) {
    writes += 1
    let isKnownElsewhere = !plan.hasFailures
    if let client = clients.first(where: {
      $0.proxy == proxy && $0.isAdmitted && ($0.plane == index || isKnownElsewhere)
    }) {
      fail("\(proxy.name) is removed while \(client.stream) is connected")
    }
    if plan.planes == 1, let time = lastSeen[proxy], now < time + Self.delay {
      fail("\(proxy.name) is removed too early")
    }
  }

  mutating func opening(_ client: Client) throws -> ProxyOpening {
    let document = "\(client.proxy.name) \(client.port ?? 0)"
    var opening = try parsed[document] ?? Self.parse(client)
    parsed[document] = opening
    opening.stream = client.stream
    if plan.hasTokens { opening.authority = Self.authority(over: Self.service(ofPort: client.port)) }
    return opening
  }

  private static func parse(_ client: Client) throws -> ProxyOpening {
    let document = client.port.map { port in
      """
      {"type": "Dataplane", "mesh": "default", "name": "\(client.proxy.name)", "networking": {"address": "127.0.0.1",
      "inbound": [{"port": \(port), "tags": {"kuma.io/service": "web"}}]}}
      """
    }
    let introduction = ProxyIntroduction(
      nodeID: client.proxy.description, dataplane: document, version: .init(kumaDp: "", envoy: ""),
      address: ProxyAddress(remotePeer: "ipv4:10.0.0.\(client.port ?? 0):1", adminPort: nil))
    return try ProxyOpening(stream: client.stream, introduction, zone: "")
  }
}
