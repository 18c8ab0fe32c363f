import KubernetesAPI
import Logging
import MeshKubernetes
import Synchronization

/// What has happened since ``PodController`` looked last, and what cannot be read.
final class PodInbox: Sendable {
  /// The kinds beside Dataplanes, which the store reads.
  static let kinds: [(PodPlan.Kind, KubernetesKind)] = [
    (.pod, .pod), (.service, .service), (.namespace, .namespace), (.node, .node),
  ]

  private struct State {
    var events: [PodPlan.Event] = []
    /// The kinds whose objects are known, or may not be read.
    var settled: Set<PodPlan.Kind> = []
    /// Why kinds are not up to date.
    var troubles: [PodPlan.Kind: KubernetesError] = [:]
  }

  /// An element when something has happened.
  let wakes: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation
  private let state = Mutex(State())
  private let logger: Logger

  init(logger: Logger) {
    self.logger = logger
    (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Something has happened.
  func add(_ event: PodPlan.Event) {
    state.withLock { state in
      state.events.append(event)
      if case .replaced(let kind, _) = event { state.settled.insert(kind) }
    }
    continuation.yield()
  }

  /// Makes the controller look although nothing has happened.
  func wake() { continuation.yield() }

  /// What has happened, in order, and the kinds whose objects are known then, or may not be read.
  func take() -> (events: [PodPlan.Event], settled: Set<PodPlan.Kind>) {
    state.withLock { state in
      defer { state.events = [] }
      return (state.events, state.settled)
    }
  }

  /// A replica has news.
  func note(_ update: KindReplica.Update, of kind: PodPlan.Kind) {
    switch update {
    case .replaced(let objects): add(.replaced(kind, objects))
    case .changed(let objects): add(.changed(kind, objects))
    case .deleted(let objects): add(.deleted(kind, objects))
    case .trouble(let error):
      let isFirst = state.withLock { state in
        state.troubles[kind] = error
        return error?.isRefusal == true && state.settled.insert(kind).inserted
      }
      guard isFirst else { return }
      logger.warning(
        "pods do not become proxies as they should; everything else goes on",
        metadata: ["missing": "\(kind)s", "remedy": "\(Self.remedy)", "error": "\(error?.message ?? "")"])
      // Without nodes and namespaces pods still become proxies. Nothing may be concluded from pods and Services that are not seen.
      if kind == .node || kind == .namespace { add(.replaced(kind, [])) } else { wake() }
    }
  }

  private static let remedy = "apply the manifest of this version: kumactl install control-plane | kubectl apply -f -"

  /// Why the kinds are not known yet; `nil` when they are, or may not be read.
  var obstacle: String? {
    let missing = state.withLock { state in Self.kinds.map(\.0).filter { !state.settled.contains($0) } }
    guard !missing.isEmpty else { return nil }
    return "the \(missing.map { "\($0)s" }.joined(separator: ", ")) of the cluster are not loaded yet"
  }

  /// What may not be read, and what to do; `nil` when everything may be.
  var remark: String? {
    let refused = state.withLock { state in
      Self.kinds.compactMap { kind, _ in state.troubles[kind].flatMap { $0.isRefusal ? (kind, $0.message) : nil } }
    }
    guard let first = refused.first else { return nil }
    let kinds = refused.map { "\($0.0)s" }.joined(separator: ", ")
    let effect =
      refused.contains { $0.0 == .pod || $0.0 == .service }
      ? "pods do not become proxies" : "proxies of pods lack what these say"
    return "the control plane may not read \(kinds), so \(effect): \(first.1); \(Self.remedy)"
  }
}

extension KubernetesError {
  /// Whether trying again alone does not help.
  fileprivate var isRefusal: Bool { code == .forbidden || code == .kindNotServed }
}
