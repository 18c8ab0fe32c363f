import Logging
import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// Several processes that claim to be one proxy.
///
/// They cannot be told apart by name, so all of them get the same configuration: what the Dataplane says that came with the newest
/// stream. When the process that brought it goes, the Dataplane of the newest one that is still connected counts again.
extension ProxySessions {
  /// The processes that claim to be a proxy here at the moment, where there is more than one.
  func claims(of proxy: ProxyID) -> [DataplaneInsight.Subscription] {
    DataplaneInsight(subscriptions: subscriptions(of: proxy)).claims
  }

  func warnOfClaims(of proxy: ProxyID) {
    let claims = claims(of: proxy).suffix(5).map { "\($0.peer?.address ?? "") since \($0.connectTime)" }
    logger.warning(
      "several proxies claim one name; all of them get what the newest one's Dataplane says, so give each a name of its own",
      metadata: ["proxy": "\(proxy)", "claims": "\(claims.joined(separator: ", "))"])
  }

  /// Puts the Dataplane of the newest stream that is left in the place of the one that a stream has left behind. One that was
  /// written by others meanwhile stays.
  func succeed(_ proxy: ProxyID) async {
    guard let lost = succession[proxy] else { return }
    guard let heir = newestSession(of: proxy)?.registration, !heir.says(lost) else {
      succession[proxy] = nil
      return
    }
    do throws(StoreError) {
      guard let stored = try await store.get(lost.key), stored.says(lost) else {
        succession[proxy] = nil
        return
      }
      _ = try await store.put(heir, if: .revision(stored.revision))
      succession[proxy] = nil
      logger.info(
        "of several proxies of one name the newest is gone; the Dataplane of one that is still connected counts again",
        metadata: ["proxy": "\(proxy)"])
    } catch {
      switch error.code {
      case .conflict, .notFound, .meshNotFound: succession[proxy] = nil
      default:
        logger.warning(
          "the Dataplane of a proxy that is still connected cannot be written yet",
          metadata: ["proxy": "\(proxy)", "error": "\(error)"])
        wakeUp.yield()
      }
    }
  }

  /// Does the same where the newest one was connected to another control plane, which cannot know what is connected here: where that
  /// connection has ended, and nothing was written since it began but by it.
  func succeed(_ proxy: ProxyID, _ stored: Resource, _ insight: DataplaneInsight) async throws(StoreError) {
    guard let session = newestSession(of: proxy), let heir = session.registration, !heir.says(stored),
      let written = stored.modificationTime
    else { return }
    let isLeftBehind = insight.subscriptions.contains { other in
      guard other.controlPlaneInstanceId != instance, let end = other.disconnectTime else { return false }
      return other.connectTime > session.subscription.connectTime && written < end
    }
    guard isLeftBehind else { return }
    do throws(StoreError) {
      _ = try await store.put(heir, if: .revision(stored.revision))
    } catch {
      // Somebody else was faster, with this or with news.
      guard [.conflict, .notFound].contains(error.code) else { throw error }
    }
  }
}

extension Resource {
  /// Whether two resources say the same, whenever they were written.
  fileprivate func says(_ other: Resource) -> Bool { spec == other.spec && labels == other.labels }
}

extension ProxyAddress {
  /// Who is at the other end, with what tells its process from others: the machine, the administration port and the Dataplane.
  /// A process that comes back is the same by all of them.
  func identify(_ registration: Resource?) -> DataplaneInsight.Peer {
    let document = registration.map { Resource(mesh: $0.mesh, name: $0.name, spec: $0.spec).document().json() } ?? ""
    let hash = ContentHash(of: Array("\(host ?? remotePeer)\n\(adminPort ?? 0)\n\(document)".utf8)).bytes
    let process = hash.prefix(6).map { String(UInt16($0) | 256, radix: 16).dropFirst() }.joined()
    return DataplaneInsight.Peer(address: hostAndPort, process: process)
  }
}
