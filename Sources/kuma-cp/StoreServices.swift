import ServiceLifecycle
import TraceAnalysis
import TraceHTTP
import TraceStore

/// Closes a resource after all services behind it in the group have stopped.
struct ClosingService: Service {
  let close: @Sendable () async throws -> Void

  func run() async throws {
    // Throws if the task is cancelled because another service failed. The resource is closed then too.
    try? await gracefulShutdown()
    try await close()
  }
}

/// Follows something until the shutdown.
struct FollowingService: Service {
  let follow: @Sendable () async -> Void

  func run() async throws { await cancelWhenGracefulShutdown(follow) }
}

/// Deletes spans beyond the retention limits.
struct RetentionService: Service {
  let store: SegmentStore
  let propagation: PropagationMonitor

  func run() async throws {
    try await cancelWhenGracefulShutdown { [store, propagation] in
      await propagation.recall(from: store)
      try await store.run()
    }
  }
}
