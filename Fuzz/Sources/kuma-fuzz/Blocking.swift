import Dispatch
import Synchronization

/// Waits for the result of an asynchronous function. Only for the program's main thread, which runs no task.
func blocking<Value: Sendable>(_ function: @escaping @Sendable () async -> Value) -> Value {
  let result = Mutex<Value?>(nil)
  let isDone = DispatchSemaphore(value: 0)
  Task {
    let value = await function()
    result.withLock { $0 = value }
    isDone.signal()
  }
  isDone.wait()
  guard let value = result.withLock({ $0 }) else { fatalError("a task ended without a result") }
  return value
}
