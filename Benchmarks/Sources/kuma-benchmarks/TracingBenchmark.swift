import Foundation
import ProcessSupervisor

/// What tracing costs a request, in a real Envoy and in the collector: `Benchmarks/tracing/cost.py` measures, this shows.
enum TracingBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let file = URL(fileURLWithPath: context.newPath("tracing.json"))
    let programs = Bundle.main.bundleURL
    let child = try ChildProcess.start(
      ChildProcess.Command(
        try context.python(),
        [
          context.project.appending(path: "Benchmarks/tracing/cost.py").path, "--json", file.path,
          "--folder", context.folder.path,
          "--kuma-cp", programs.appending(path: "kuma-cp").path, "--kuma-dp", programs.appending(path: "kuma-dp").path,
          "--rounds", "\(context.size(20, quick: 3))", "--seconds", "\(context.size(2, quick: 1))",
          "--searches", "\(context.size(20, quick: 6))", "--only", context.size("all", quick: "proto,auto,auto-1"),
        ],
        output: .discard, errors: .lines(say)))
    let status = await child.exitStatus()
    try BenchmarkFailure.unless(status.isSuccess, "cost.py \(status)")
    return try JSONDecoder().decode(Results.self, from: Data(contentsOf: file)).rows
  }
}

/// What `cost.py` writes.
private struct Results: Decodable {
  struct Case: Decodable {
    var name: String
    var form: String
    var sampling: Double
    /// Spans in a report; 0 when the control plane chose.
    var size: Int
  }
  /// What a request cost in a round: seconds of processor time.
  struct Figures: Decodable {
    var envoy: Double
    var collector: Double
    var both: Double
  }

  var cases: [Case]
  var rounds: [[String: Figures]]
  /// Seconds from an answer to its span in a search, by case.
  var found: [String: [Double]]

  var rows: [ResultRow] {
    let (untraced, json) = ("untraced", "json")
    func figures(_ name: String, _ figure: KeyPath<Figures, Double>) -> [Double] {
      rounds.compactMap { $0[name]?[keyPath: figure] }
    }
    let costs = cases.filter { $0.form != "none" }.flatMap { each in
      let size = each.size == 0 ? "" : ", \(each.size) spans a report"
      let what = "\(each.form), \(Int(each.sampling)) % of requests\(size)"
      let isBaseline = each.name == json
      return [
        ResultRow(
          "tracing", "\(what), CPU of Envoy per request", in: .seconds, against: "no tracing",
          Comparison(values: figures(each.name, \.envoy), baselines: figures(untraced, \.envoy))),
        ResultRow(
          "tracing", "\(what), CPU of the collector per request", in: .seconds,
          against: isBaseline ? "" : "httpJson, 100 %",
          Comparison(
            values: figures(each.name, \.collector), baselines: isBaseline ? [] : figures(json, \.collector))),
        ResultRow(
          "tracing", "\(what), CPU of both per request", in: .seconds, against: isBaseline ? "" : "httpJson, 100 %",
          Comparison(values: figures(each.name, \.both), baselines: isBaseline ? [] : figures(json, \.both))),
      ]
    }
    let times = cases.compactMap { each in
      found[each.name].map {
        ResultRow(
          "tracing", "\(each.form), from an answer to its span in a search, wall", in: .seconds,
          against: each.name == json ? "" : "httpJson",
          Comparison(values: $0, baselines: each.name == json ? [] : found[json] ?? []))
      }
    }
    return costs + times
  }
}
