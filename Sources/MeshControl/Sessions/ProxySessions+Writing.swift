import Logging
import MeshModel
import MeshPolicy
import MeshStore
import ServiceLifecycle
import Synchronization

/// What is known of proxies goes into the store.
extension ProxySessions {
  package func run() async throws {
    await settle()
    await cancelWhenGracefulShutdown {
      async let others: Void = self.followOthers()
      async let counts: Void = self.writeCountsRarely()
      for await _ in self.wake {
        repeat {
          try? await Task.sleep(for: Self.pause)
          await self.work()
        } while await self.hasWork && !Task.isCancelled
      }
      await others
      await counts
    }
    // The proxies are told nothing and keep running; only what is known of them is written down.
    for (stream, session) in sessions {
      var subscription = session.subscription
      subscription.status = counts.status(of: stream)
      subscription.disconnectTime = .now
      ended[session.proxy, default: []].append(subscription)
      dirty.insert(session.proxy)
    }
    sessions = [:]
    streams = [:]
    await flush()
  }

  private var hasWork: Bool { !dirty.isEmpty || !removals.isEmpty || !succession.isEmpty }

  /// How long to gather news; while removals are due, also how soon news is seen.
  private static let pause = Duration.milliseconds(250)

  /// How many insights are written at a time; they share transactions.
  private static let writesAtOnce = 100

  /// How many connections begin or end until the memory that this needed for a moment is given back to the system.
  private static let movesPerCleaning = 200

  /// How old counts may be that other control planes read. Source: Kuma 2.7.
  private static let countPause = Duration.seconds(10)

  private func work() async {
    await flush()
    for proxy in Array(succession.keys) { await succeed(proxy) }
    let now = clock.now
    for (proxy, removal) in removals where removal.time <= now {
      removals[proxy] = nil
      await remove(proxy, removal)
    }
    if moves >= Self.movesPerCleaning {
      moves = 0
      giveBackMemory()
    }
  }

  private func writeCountsRarely() async {
    for await _ in countChanges {
      do { try await Task.sleep(for: Self.countPause) } catch { return }
      dirty.formUnion(counts.takeChanged().compactMap { sessions[$0]?.proxy })
      wakeUp.yield()
    }
  }

  private func flush() async {
    let verdicts = verdicts.withLock { verdicts in
      defer { verdicts = [] }
      return verdicts
    }
    let proxies = dirty.union(verdicts.compactMap { sessions[$0]?.proxy })
    dirty = []
    // Without a Dataplane there is nothing to know about.
    let present = await reconciler.present(of: proxies)
    let failures = await withTaskGroup(of: (ProxyID, StoreError)?.self) { group in
      var failures: [ProxyID: StoreError] = [:]
      var started = 0
      for proxy in present {
        if started >= Self.writesAtOnce, case let (proxy, error)?? = await group.next() { failures[proxy] = error }
        started += 1
        group.addTask { await self.write(proxy).map { (proxy, $0) } }
      }
      for await case let (proxy, error)? in group { failures[proxy] = error }
      return failures
    }
    for proxy in proxies.subtracting(present) { ended[proxy] = nil }
    if let (proxy, error) = failures.first {
      logger.warning(
        "what is known of proxies cannot be stored",
        metadata: ["proxies": "\(failures.count)", "proxy": "\(proxy)", "error": "\(error)"])
      // A store that tells when it is back is asked then.
      if shared != nil { unwritten.formUnion(failures.keys) }
    }
  }

  /// Writes what is known of a proxy beside what others, and earlier runs, have written.
  ///
  /// - Returns: why it could not be written.
  private func write(_ proxy: ProxyID) async -> StoreError? {
    let key = ResourceKey(type: .dataplaneInsight, mesh: proxy.mesh, name: proxy.name)
    while true {
      do throws(StoreError) {
        let stored = try await store.get(key)
        let subscriptions = subscriptions(of: proxy)
        let insight = known(stored?.content(DataplaneInsight.self) ?? DataplaneInsight()).updated(with: subscriptions)
        _ = try await store.put(
          Resource(mesh: proxy.mesh, name: proxy.name, spec: insight.spec),
          if: stored.map { .revision($0.revision) } ?? .absent)
        forget(subscriptions, of: proxy)
        return nil
      } catch {
        switch error.code {
        // Somebody else was faster, and what they wrote is known now.
        case .conflict where !Task.isCancelled: continue
        case .meshNotFound, .conflict: return nil
        default: return error
        }
      }
    }
  }

  /// Those that have been written need not be kept.
  private func forget(_ written: [DataplaneInsight.Subscription], of proxy: ProxyID) {
    let ids = Set(written.lazy.filter { $0.disconnectTime != nil }.map(\.id))
    ended[proxy]?.removeAll { ids.contains($0.id) }
    if ended[proxy]?.isEmpty == true { ended[proxy] = nil }
  }

  // MARK: In memory

  /// What is known of a proxy by what was stored of it. Of a store of its own, a control plane knows that earlier runs are over;
  /// it is written along when the proxy comes back, and not for thousands at once at the start.
  nonisolated func known(_ stored: DataplaneInsight) -> DataplaneInsight {
    shared == nil ? stored.ending(allBut: [instance], at: startTime) : stored
  }

  /// The subscriptions of a proxy to this control plane of which the store may not know the newest, oldest first.
  func subscriptions(of proxy: ProxyID) -> [DataplaneInsight.Subscription] {
    var open = (streams[proxy] ?? []).compactMap { stream in
      guard var subscription = sessions[stream]?.subscription else { return nil as DataplaneInsight.Subscription? }
      subscription.status = counts.status(of: stream)
      return subscription
    }
    open.sort { ($0.connectTime, $0.id) < ($1.connectTime, $1.id) }
    // A stream that still answers after another of the same kind has begun is not one that its process has given up.
    for (index, subscription) in open.enumerated() where subscription.peer != nil {
      let newer = open[(index + 1)...].first { $0.peer?.process == subscription.peer?.process }
      guard let newer, let answer = subscription.status.lastAcknowledgementTime,
        answer.secondsSince(newer.connectTime) > 1
      else { continue }
      open[index].peer?.process += "-\(subscription.id.prefix(8))"
    }
    return ((ended[proxy] ?? []) + open).sorted { $0.connectTime < $1.connectTime }
  }

  /// The same for all proxies of a mesh, or of all meshes.
  func subscriptions(mesh: String?) -> [ProxyID: [DataplaneInsight.Subscription]] {
    var result: [ProxyID: [DataplaneInsight.Subscription]] = [:]
    for proxy in Set(streams.keys).union(ended.keys) where mesh == nil || proxy.mesh == mesh {
      result[proxy] = subscriptions(of: proxy)
    }
    return result
  }
}
