import NIOPosix
import Synchronization

/// Threads that parse and answer requests with documents.
///
/// Parsing and validating a document takes processor time, and the sender decides how much. On the threads that all tasks share it would
/// delay every request; on these threads it delays only other documents, and clients take turns, so that one with many documents delays
/// mostly its own.
package final class DocumentThreads: Sendable {
  /// The threads of the whole program.
  package static let shared = DocumentThreads()

  /// Two threads, so that a document that waits for the disk does not delay the next.
  private static let count = 2

  private let pool: NIOThreadPool
  private let jobs = Mutex(FairQueue<ClientKey, (job: UnownedJob, lane: Lane)>())

  private init() {
    pool = NIOThreadPool(numberOfThreads: Self.count)
    pool.start()
  }

  /// The threads, for the work of one client.
  package func lane(for client: ClientKey) -> any TaskExecutor { Lane(client: client, threads: self) }

  private final class Lane: TaskExecutor {
    private let client: ClientKey
    private let threads: DocumentThreads

    init(client: ClientKey, threads: DocumentThreads) {
      self.client = client
      self.threads = threads
    }

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      threads.jobs.withLock { $0.add((job, self), of: client) }
      // One turn for each job, and not this job's.
      threads.pool.submit { [threads] _ in
        guard let next = threads.jobs.withLock({ $0.next() }) else { return }
        next.job.runSynchronously(on: next.lane.asUnownedTaskExecutor())
      }
    }
  }

  /// Answers a request on these threads if it has a body, or on the current thread.
  ///
  /// - Parameter client: who sent it.
  package static func answer<Answer: Sendable>(
    _ body: [UInt8], for client: ClientKey, _ answer: @Sendable ([UInt8]) async -> Answer
  ) async -> Answer {
    guard !body.isEmpty else { return await answer(body) }
    return await withTaskExecutorPreference(shared.lane(for: client)) { await answer(body) }
  }
}
