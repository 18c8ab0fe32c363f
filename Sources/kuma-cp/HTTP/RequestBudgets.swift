import CProcess
import Dispatch
import HTTPService
import MeshTransport
import Synchronization
import TraceHTTP

/// The memory budgets of requests, over all connections of all servers, from the first byte until the answer: 48 MiB in total.
///
/// Each kind of request has its own share, so that a flood of one kind leaves memory for the others. A request beyond its
/// budget is refused.
struct RequestBudgets: Sendable {
  /// The total.
  let all: ByteBudget
  /// Heads of HTTP requests. They are small, and accepted even when no body is.
  let heads: ByteBudget
  /// Bodies of requests to the API and to diagnostics.
  let api: ByteBudget
  /// Questions of the API server of Kubernetes.
  let admission: ByteBudget
  /// Bodies with spans, as received.
  let spans: ByteBudget
  /// Bodies with spans after decompression, until they are stored.
  let decoded: ByteBudget
  /// Bodies of bootstrap requests.
  let bootstrap: ByteBudget
  /// gRPC requests of proxies.
  let discovery: ByteBudget
  /// Names that proxies subscribe to and that no resource has, for as long as they subscribe. Not part of the total.
  let names: ByteBudget

  init(bytes: Int = 48 << 20) {
    let returning = MemoryReturn()
    let all = ByteBudget("all", limit: bytes) { returning.begin() }
    let bodies = ByteBudget("bodies", limit: bytes / 6 * 5, within: all)
    self.all = all
    heads = ByteBudget("heads", limit: bytes / 6, within: all)
    api = ByteBudget("api", limit: bytes / 3, within: bodies)
    admission = ByteBudget("admission", limit: bytes / 4, within: bodies)
    spans = ByteBudget("spans", limit: bytes / 3, within: bodies)
    decoded = ByteBudget("decoded", limit: bytes / 2, within: bodies)
    bootstrap = ByteBudget("bootstrap", limit: bytes / 6, within: bodies)
    discovery = ByteBudget("discovery", limit: bytes / 2, within: bodies)
    names = ByteBudget("names", limit: bytes / 2) { returning.begin() }
  }

  /// The budgets of the data plane server.
  var dataplane: DataplaneServer.Budgets {
    var budgets = DataplaneServer.Budgets()
    (budgets.heads, budgets.bootstrap, budgets.discovery, budgets.names) = (heads, bootstrap, discovery, names)
    return budgets
  }

  /// All budgets, for metrics.
  var list: [ByteBudget] { [all, heads, api, spans, decoded, bootstrap, discovery, names] }
}

/// Adapts a budget to the collector.
struct CollectorMemory: RequestMemory {
  let budget: ByteBudget

  var limit: Int { budget.limit }
  func reserve(_ count: Int) -> Bool { budget.reserve(count) }
  func release(_ count: Int) { budget.release(count) }
}

/// Returns memory to the system a moment after much of it became free, once for all releases in that time.
private final class MemoryReturn: Sendable {
  private let isPlanned = Atomic(false)

  func begin() {
    guard !isPlanned.exchange(true, ordering: .relaxed) else { return }
    DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .seconds(1)) { [self] in
      isPlanned.store(false, ordering: .relaxed)
      process_give_back_memory()
    }
  }
}
