import ServiceLifecycle
import TraceAnalysis
import TraceHTTP
import TraceStore

/// Closes something after everything that is listed behind it in the group has stopped.
struct ClosingService: Service {
  let close: @Sendable () async throws -> Void

  func run() async throws {
    // Thrown when the task is cancelled because another service failed: then too, what is open is closed.
    try? await gracefulShutdown()
    try await close()
  }
}

/// Removes spans that are too old or too many.
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
