import NIOPosix

/// Threads that parse and answer requests with documents.
///
/// Parsing and validating a document takes processor time, and the sender decides how much. On the threads that all tasks share it would
/// delay every request; on these threads it delays only other documents.
package final class DocumentThreads: TaskExecutor {
  /// The threads of the whole program.
  package static let shared = DocumentThreads()

  private let pool: NIOThreadPool

  private init() {
    // Two threads, so that a document that waits for the disk does not delay the next.
    pool = NIOThreadPool(numberOfThreads: 2)
    pool.start()
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Answers a request on these threads if it has a body, or on the current thread.
  package static func answer<Answer: Sendable>(
    _ body: [UInt8], _ answer: @Sendable ([UInt8]) async -> Answer
  ) async -> Answer {
    guard !body.isEmpty else { return await answer(body) }
    return await withTaskExecutorPreference(shared) { await answer(body) }
  }
}
