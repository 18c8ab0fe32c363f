import MeshPolicy
import Notifications
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
        await selector.wakeUps.run {
          for action in selector.handle(.timeReached) { group.addTask { await self.perform(action) } }
          return selector.nextTime().map { $0 - .now }
        }
        group.cancelAll()
      }
    }
    selector.finish()
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
