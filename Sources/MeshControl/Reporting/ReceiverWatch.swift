import MeshPolicy
import ServiceLifecycle

/// Asks the receivers of spans, and the Envoys of proxies on trial, what ``ReportFormSelector`` has to know.
///
/// While no backend has `apiVersion: auto`, nothing runs.
package struct ReceiverWatch: Service {
  private let selector: ReportFormSelector
  private let questions: any ReceiverQuestions

  /// Makes a service that answers a selector's questions.
  package init(_ selector: ReportFormSelector, questions: any ReceiverQuestions) {
    self.selector = selector
    self.questions = questions
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        var timer: Task<Void, Never>?
        for await _ in selector.wake {
          for action in selector.handle(.timeReached) { group.addTask { await self.perform(action) } }
          timer?.cancel()
          timer = setTimer()
        }
        timer?.cancel()
        group.cancelAll()
      }
    }
    selector.finish()
  }

  private func setTimer() -> Task<Void, Never>? {
    guard let time = selector.nextTime() else { return nil }
    return Task { [selector] in
      guard (try? await Task.sleep(until: time, clock: .continuous)) != nil else { return }
      selector.wakeUpNow()
    }
  }

  private func perform(_ action: ReportForms.Action) async {
    switch action {
    case .ask(let url): _ = selector.handle(.answered(url, await questions.identity(at: url)))
    case .read(let url, let proxies):
      let start = ContinuousClock.now
      let ages = await questions.reportAges(of: proxies, at: url)
      _ = selector.handle(.read(url, asked: proxies, at: start, ages: ages))
    case .count(let proxy, let backend):
      _ = selector.handle(.counted(proxy, await questions.answeredReports(of: proxy, toBackend: backend)))
    case .changed, .log: break
    }
  }
}
