import Logging
import MeshModel
import MeshPolicy
import MeshStore

/// Dataplanes that proxies bring along live as long as their proxies.
extension ProxySessions {
  /// Reads and checks the Dataplane that a proxy brings along, by the rules that hold for every other way to bring one.
  ///
  /// - Returns: the Dataplane as it is to be stored; `nil` when it brings none.
  func registration(_ document: String?, of proxy: ProxyID) async throws(Refusal) -> Resource? {
    let key = ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)
    let isNew: Bool
    do throws(StoreError) {
      isNew = try await store.get(key) == nil
    } catch {
      throw Refusal(isTemporary: true, description: error.message)
    }
    guard let document, !document.isEmpty else {
      let violations = isNew ? NameRules.violations(ofNewName: proxy.name) : []
      guard violations.isEmpty else { throw .invalid("id", violations) }
      return nil
    }
    let resource: Resource
    do throws(DocumentError) {
      let documents = try ResourceDocument.all(in: document)
      guard documents.count == 1, let first = documents.first?.resource else {
        throw DocumentError(code: .wrongKind, message: "it has to be one document, not \(documents.count)")
      }
      resource = first
    } catch {
      throw Refusal(
        isTemporary: false, description: "the proxy's Dataplane cannot be read: \(error)".printable(atMost: 2_000))
    }
    guard let content = resource.content(Dataplane.self) else {
      throw Refusal(isTemporary: false, description: "the proxy brings a \(resource.type.rawValue), not a Dataplane")
    }
    let violations =
      resource.violations() + resource.identityViolations(ofProxy: key, isNew: isNew, source: "the proxy's id")
    guard violations.isEmpty else { throw .invalid("Dataplane", violations) }
    var labels = resource.labels
    labels[Self.registrationLabel] = "kuma-dp"
    return Resource(mesh: proxy.mesh, name: proxy.name, spec: content.settingZone(zone).spec, labels: labels)
  }

  /// Stores the Dataplane that a proxy brings along.
  func register(_ wanted: Resource, of proxy: ProxyID) async throws(Refusal) {
    do throws(StoreError) {
      let old = try await store.get(wanted.key)
      let isKnown = old?.spec == wanted.spec && old?.labels == wanted.labels
      // Another control plane may be about to remove it: the write tells it not to.
      if isKnown, shared == nil { return }
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
          description:
            "mesh \"\(proxy.mesh.printable(atMost: 63))\" does not exist; create it with kumactl apply, the proxy keeps trying"
        )
      default: throw Refusal(isTemporary: true, description: error.message)
      }
    }
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
