import Synchronization

/// Runs a body beside a server, and then ends the server.
///
/// The server's socket is closed before its task is cancelled, also when the caller is cancelled: NIO ends the whole process over a
/// connection that was accepted and that nobody handles.
///
/// - Parameters:
///   - serve: runs the server until its socket is closed or the task is cancelled.
///   - close: closes the server's socket.
package func withServer<Value: Sendable>(
  _ serve: @escaping @Sendable () async throws -> Void, close: @escaping @Sendable () async -> Void,
  _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let end = ServerEnd()
  let serving = Task {
    do { try await serve() } catch  where end.isWanted.load(ordering: .acquiring) {}
  }
  return try await withThrowingTaskGroup(of: Value?.self) { group in
    defer { group.cancelAll() }
    group.addTask {
      try await serving.value
      return nil
    }
    group.addTask {
      let outcome: Result<Value, any Error>
      do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
      end.isWanted.store(true, ordering: .releasing)
      await close()
      serving.cancel()
      return try outcome.get()
    }
    while let value = try await group.next() {
      if let value { return value }
    }
    throw CancellationError()
  }
}

/// Whether a server is to end. Its errors do not matter any more then.
private final class ServerEnd: Sendable {
  let isWanted = Atomic(false)
}
