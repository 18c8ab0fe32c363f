import CProcess
import Dispatch
import HTTPService
import MeshTransport
import Synchronization
import TraceHTTP

/// What all requests hold in memory together, over all connections of all servers, from their first byte until they are
/// answered: 48 MiB at most.
///
/// Each kind has a share of its own, so that a flood of one leaves something for the others. What is beyond is refused, the
/// newest first.
struct RequestBudgets: Sendable {
  /// Everything.
  let all: ByteBudget
  /// Heads of requests over HTTP. They are small, and taken even when no body is.
  let heads: ByteBudget
  /// Bodies sent to the API and to diagnostics.
  let api: ByteBudget
  /// Bodies with spans, as they come.
  let spans: ByteBudget
  /// What bodies with spans become while they are read and stored.
  let decoded: ByteBudget
  /// Bodies of bootstrap requests.
  let bootstrap: ByteBudget
  /// Requests of proxies over gRPC.
  let discovery: ByteBudget
  /// What the names cost that proxies ask for and that no resource has, for as long as they ask. No requests, so beside the others.
  let names: ByteBudget

  init(bytes: Int = 48 << 20) {
    let returning = MemoryReturn()
    let all = ByteBudget("all", limit: bytes) { returning.begin() }
    let bodies = ByteBudget("bodies", limit: bytes / 6 * 5, within: all)
    self.all = all
    heads = ByteBudget("heads", limit: bytes / 6, within: all)
    api = ByteBudget("api", limit: bytes / 3, within: bodies)
    spans = ByteBudget("spans", limit: bytes / 3, within: bodies)
    decoded = ByteBudget("decoded", limit: bytes / 2, within: bodies)
    bootstrap = ByteBudget("bootstrap", limit: bytes / 6, within: bodies)
    discovery = ByteBudget("discovery", limit: bytes / 2, within: bodies)
    names = ByteBudget("names", limit: bytes / 2) { returning.begin() }
  }

  /// Those of the data plane server.
  var dataplane: DataplaneServer.Budgets {
    var budgets = DataplaneServer.Budgets()
    (budgets.heads, budgets.bootstrap, budgets.discovery, budgets.names) = (heads, bootstrap, discovery, names)
    return budgets
  }

  /// All of them, for metrics.
  var list: [ByteBudget] { [all, heads, api, spans, decoded, bootstrap, discovery, names] }
}

/// A budget as the collector knows it.
struct CollectorMemory: RequestMemory {
  let budget: ByteBudget

  var limit: Int { budget.limit }
  func take(_ count: Int) -> Bool { budget.take(count) }
  func give(_ count: Int) { budget.give(count) }
}

/// Gives memory back to the system a moment after much of it has become free, once for all that become free meanwhile.
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
