/// Something has taken longer than it may.
package struct DeadlineExceeded: Error, CustomStringConvertible {
  package init() {}

  package var description: String { "it took longer than it may" }
}

/// Does something within a time. The time limit of the HTTP client ends with the head of an answer; this one covers all.
///
/// - Throws: what the work throws; ``DeadlineExceeded`` when the time is over, after the work has been cancelled and has ended.
package func within<Value: Sendable>(
  _ time: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    defer { group.cancelAll() }
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: time)
      return nil
    }
    guard let value = try await group.next() ?? nil else { throw DeadlineExceeded() }
    return value
  }
}
