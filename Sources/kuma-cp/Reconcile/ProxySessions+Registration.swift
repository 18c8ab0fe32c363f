import Logging
import MeshModel
import MeshPolicy
import MeshStore

/// Dataplanes that proxies bring along live as long as their proxies.
extension ProxySessions {
  /// Stores the Dataplane that a proxy brings along.
  ///
  /// - Returns: the Dataplane; `nil` when it brings none.
  func register(_ document: String?, of proxy: ProxyID) async throws(Refusal) -> Resource? {
    guard let document, !document.isEmpty else { return nil }
    let resource: Resource
    do {
      guard let first = try ResourceDocument.all(in: document).first?.resource else {
        throw Refusal(isTemporary: false, description: "the proxy's Dataplane is empty")
      }
      resource = first
    } catch let error as Refusal {
      throw error
    } catch {
      throw Refusal(isTemporary: false, description: "the proxy's Dataplane cannot be read: \(error)")
    }
    guard let content = resource.content(Dataplane.self) else {
      throw Refusal(isTemporary: false, description: "the proxy brings a \(resource.type.rawValue), not a Dataplane")
    }
    let violations = resource.violations()
    guard violations.isEmpty else {
      let list = violations.map(\.description).joined(separator: "; ")
      throw Refusal(isTemporary: false, description: "the proxy's Dataplane is not valid: \(list)")
    }
    var labels = resource.labels
    labels[Self.registrationLabel] = "kuma-dp"
    let wanted = Resource(
      mesh: proxy.mesh, name: proxy.name, spec: content.settingZone(zone).spec, labels: labels)
    do throws(StoreError) {
      let old = try await store.get(wanted.key)
      let isKnown = old?.spec == wanted.spec && old?.labels == wanted.labels
      // Another control plane may be about to remove it: the write tells it not to.
      if isKnown, shared == nil { return wanted }
      do throws(StoreError) {
        try await store.put(wanted)
      } catch {
        guard error.code == .unavailable else { throw error }
        // Proxies are served by what is known of their mesh, new ones too; the write is made up for.
        if !isKnown {
          guard shared != nil, await reconciler.adopt(wanted) else { throw error }
          logger.warning(
            "a proxy is served although it cannot be registered yet",
            metadata: ["proxy": "\(proxy)", "error": "\(error)"])
        }
        unwritten.insert(proxy)
      }
    } catch {
      switch error.code {
      case .meshNotFound:
        throw Refusal(
          isTemporary: true,
          description: "mesh \"\(proxy.mesh)\" does not exist; create it with kumactl apply, the proxy keeps trying")
      default: throw Refusal(isTemporary: true, description: error.message)
      }
    }
    return wanted
  }

  /// Has a proxy's Dataplane removed unless the proxy comes back.
  func scheduleRemoval(of proxy: ProxyID, at time: ContinuousClock.Instant) async {
    let present = try? await store.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name))
    guard streams[proxy] == nil else { return }
    removals[proxy] = Removal(time: time, revision: present?.revision)
    wakeUp.yield()
  }

  /// Removes a proxy's Dataplane, unless the proxy is back or at another control plane.
  func remove(_ proxy: ProxyID, _ removal: Removal) async {
    let key = ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)
    do throws(StoreError) {
      await reconciler.release(proxy)
      guard let resource = try await store.get(key), resource.labels[Self.registrationLabel] != nil else { return }
      let insight = try await store.get(ResourceKey(type: .dataplaneInsight, mesh: proxy.mesh, name: proxy.name))
      let isElsewhere = try await isConnectedElsewhere(insight?.content(DataplaneInsight.self))
      guard streams[proxy] == nil, !isElsewhere else { return }
      try await store.delete(key, if: removal.revision.map { .revision($0) } ?? .always)
      logger.info("a proxy is gone, its Dataplane is removed", metadata: ["proxy": "\(proxy)"])
    } catch {
      switch error.code {
      case .notFound: return
      // Written meanwhile, perhaps by the control plane to which the proxy has gone: that one's insight will tell.
      case .conflict: await scheduleRemoval(of: proxy, at: clock.now + max(removalDelay, .seconds(1)))
      default:
        logger.warning("a Dataplane cannot be removed", metadata: ["proxy": "\(proxy)", "error": "\(error)"])
        removals[proxy] = Removal(time: clock.now + .seconds(5), revision: removal.revision)
        wakeUp.yield()
      }
    }
  }
}
