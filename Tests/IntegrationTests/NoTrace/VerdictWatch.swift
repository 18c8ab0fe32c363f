import Foundation
import MeshModel
import NIOCore
import Synchronization

/// Asks a control plane for the verdicts on its proxies again and again, and remembers when each changed.
final class VerdictWatch: Sendable {
  /// A verdict as the API gives it.
  struct Verdict: Sendable, Hashable {
    var cause: String
    var isFine: Bool
    var summary: String
    var evidence: [String]

    /// `nil` for a document that is none.
    init?(_ document: DocumentValue?) {
      guard let cause = document?["cause"]?.string else { return nil }
      self.cause = cause
      isFine = document?["fine"] == .bool(true)
      summary = document?["summary"]?.string ?? ""
      evidence = (document?["evidence"]?.array ?? []).map {
        "\($0["source"]?.string ?? "?"): \($0["text"]?.string ?? "")"
      }
    }

    /// Whether nothing is wrong: spans arrive, or none is expected yet.
    var isHarmless: Bool { isFine || cause == "none-expected" }

    /// In a line, for messages.
    var line: String { "\(cause): \(summary) [\(evidence.joined(separator: " | "))]" }
  }

  /// A verdict, and when it was first given.
  struct Change: Sendable {
    var time: ContinuousClock.Instant
    var verdict: Verdict
  }

  private let changes = Mutex<[String: [Change]]>([:])
  private let alarms = Mutex<[String: Set<String>]>([:])
  private let controlPlane: ControlPlaneProcess

  init(_ controlPlane: ControlPlaneProcess) { self.controlPlane = controlPlane }

  /// The verdicts on a proxy in their order, without repetitions of a cause.
  func changes(of proxy: String) -> [Change] { changes.withLock { $0[proxy] ?? [] } }

  /// What receipts of a proxy have said of missing spans.
  func alarms(of proxy: String) -> Set<String> { alarms.withLock { $0[proxy] ?? [] } }

  /// The proxies on which there was any verdict.
  var proxies: [String] { changes.withLock { $0.keys.sorted() } }

  /// When a proxy first had a verdict with a cause, since a time.
  func first(_ cause: String, of proxy: String, since time: ContinuousClock.Instant) -> Change? {
    let all = changes(of: proxy)
    // A verdict that was there already counts as one of the beginning.
    if let before = all.last(where: { $0.time <= time }), before.verdict.cause == cause {
      return Change(time: time, verdict: before.verdict)
    }
    return all.first { $0.time > time && $0.verdict.cause == cause }
  }

  /// The causes that were named for a proxy since a time, in their order.
  func causes(of proxy: String, since time: ContinuousClock.Instant) -> [String] {
    changes(of: proxy).filter { $0.time > time }.map(\.verdict.cause)
  }

  /// Asks until the task is cancelled.
  func run(every interval: Duration = .milliseconds(500)) async {
    while !Task.isCancelled {
      try? await ask()
      try? await ContinuousClock().sleep(for: interval)
    }
  }

  private func ask() async throws {
    guard
      let answer = try await HTTPProbe.get(
        port: controlPlane.ports.api, "/meshes/default/_tracing?size=1000", timeout: .seconds(5)),
      answer.status == 200
    else { return }
    let now = ContinuousClock.now
    let items = try DocumentValue(json: answer.body)["items"]?.array ?? []
    for item in items {
      guard let name = item["name"]?.string, let receipt = item["receipt"], let state = receipt["state"]?.string,
        ["short", "silent"].contains(state)
      else { continue }
      alarms.withLock { _ = $0[name, default: []].insert(receipt["text"]?.string ?? state) }
    }
    changes.withLock { changes in
      for item in items {
        guard let name = item["name"]?.string, let verdict = Verdict(item["verdict"]) else { continue }
        var all = changes[name] ?? []
        if let last = all.indices.last, all[last].verdict.cause == verdict.cause {
          // The evidence becomes more.
          all[last].verdict = verdict
        } else {
          all.append(Change(time: now, verdict: verdict))
        }
        changes[name] = all
      }
    }
  }

  /// The verdict on one proxy, by the path for it alone.
  func verdict(of proxy: String) async throws -> Verdict? {
    Verdict(try await controlPlane.explanation(of: proxy)["verdict"])
  }

  /// The verdict on a service, or on the way to it from another.
  func verdict(ofService service: String, from: String? = nil) async throws -> Verdict? {
    let query = from.map { "?from=\($0)" } ?? ""
    return Verdict(try await controlPlane.get("/meshes/default/services/\(service)/_tracing\(query)")["verdict"])
  }
}
