import NIOPosix

/// The threads on which requests that bring documents are read and answered.
///
/// Reading and checking a document is work for the processor, and whoever sends it decides how much. On the threads that all
/// tasks of a program share it would keep every other request waiting; here it keeps only other documents waiting.
package final class DocumentThreads: TaskExecutor {
  /// One for the whole program; its threads end with it.
  package static let shared = DocumentThreads()

  private let pool: NIOThreadPool

  private init() {
    // Two, so that a document on its way to the disk does not hold up the next.
    pool = NIOThreadPool(numberOfThreads: 2)
    pool.start()
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Answers a request on these threads if it brings a document, and where it is otherwise.
  package static func answer<Answer: Sendable>(
    _ body: [UInt8], _ answer: @Sendable ([UInt8]) async -> Answer
  ) async -> Answer {
    guard !body.isEmpty else { return await answer(body) }
    return await withTaskExecutorPreference(shared) { await answer(body) }
  }
}
