import Logging
import MeshModel
import MeshPolicy
import MeshStore

/// Earlier runs, and other control planes over one store.
extension ProxySessions {
  /// What earlier runs and control planes that were killed left behind: connections that seem to last, and proxies that
  /// may be gone. What belongs to a control plane that is there is left to it.
  func settle() async {
    let deadline = clock.now + startupGrace
    do throws(StoreError) {
      var insights: [ProxyID: (content: DataplaneInsight, revision: UInt64)] = [:]
      // Of a store of its own, a control plane knows that all others are over: see `known(_:)`.
      for resource in shared == nil ? [] : try await store.list(.dataplaneInsight, mesh: nil) {
        guard let content = resource.content(DataplaneInsight.self) else { continue }
        insights[ProxyID(mesh: resource.mesh, name: resource.name)] = (content, resource.revision)
      }
      let present = try await connected(of: Set(insights.values.flatMap { $0.content.openInstances }))
      for resource in try await store.list(.dataplane, mesh: nil) where resource.labels[Self.registrationLabel] != nil {
        let proxy = ProxyID(mesh: resource.mesh, name: resource.name)
        if let insight = insights[proxy]?.content,
          insight.openInstances.intersection(present).subtracting([instance]).isEmpty
        {
          try await succeed(proxy, resource, insight)
        }
        guard streams[proxy] == nil, removals[proxy] == nil,
          insights[proxy]?.content.openInstances.isDisjoint(with: present) != false
        else { continue }
        removals[proxy] = Removal(time: deadline, revision: resource.revision)
      }
      for (proxy, insight) in insights where streams[proxy] == nil {
        let settled = insight.content.ending(allBut: present, at: .now)
        guard settled != insight.content else { continue }
        do throws(StoreError) {
          _ = try await store.put(
            Resource(mesh: proxy.mesh, name: proxy.name, spec: settled.spec), if: .revision(insight.revision))
        } catch {
          // Somebody else was faster, with this or with news.
          guard [.conflict, .meshNotFound].contains(error.code) else { throw error }
        }
      }
    } catch {
      logger.warning("what others left cannot be settled", metadata: ["error": "\(error)"])
    }
    if !removals.isEmpty { wakeUp.yield() }
  }

  /// Which of some control planes are there.
  private func connected(of instances: Set<String>) async throws(StoreError) -> Set<String> {
    guard let shared, !instances.isEmpty else { return [] }
    return try await shared.connected(of: instances)
  }

  /// Whether a proxy has gone to another control plane that is there.
  func isConnectedElsewhere(_ insight: DataplaneInsight?) async throws(StoreError) -> Bool {
    guard let shared, let others = insight?.openInstances.subtracting([instance]), !others.isEmpty else { return false }
    return try await !shared.connected(of: others).isEmpty
  }

  /// Looks after what other control planes leave, rarely, and makes up for what could not be written.
  func followOthers() async {
    guard let shared else { return }
    async let repair: Void = settleRarely()
    for await _ in shared.returnsToService() { await makeUp() }
    await repair
  }

  private func settleRarely() async {
    while true {
      do { try await Task.sleep(for: startupGrace) } catch { return }
      await settle()
    }
  }

  /// The store is back. Others may have taken this control plane for gone, and its proxies with it.
  private func makeUp() async {
    for session in sessions.values {
      dirty.insert(session.proxy)
      // Of several that claim one name the newest counts.
      guard let registration = session.registration,
        newestSession(of: session.proxy)?.subscription.id == session.subscription.id
      else { continue }
      do throws(StoreError) {
        if unwritten.contains(session.proxy) {
          try await store.put(registration)
        } else if try await store.get(registration.key) == nil {
          _ = try await store.put(registration, if: .absent)
        }
      } catch {
        guard error.code != .conflict else { continue }
        logger.warning(
          "a proxy cannot be registered again", metadata: ["proxy": "\(session.proxy)", "error": "\(error)"])
      }
    }
    dirty.formUnion(unwritten)
    unwritten = []
    wakeUp.yield()
  }
}
