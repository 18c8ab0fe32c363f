import Foundation
import ProcessSupervisor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the redirection of connections costs a request through two real Envoys: `Benchmarks/redirection/cost.py` measures, this
/// shows.
enum RedirectionBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    guard geteuid() == 0 else {
      say("redirection is left out, as network namespaces need the rights of root")
      return []
    }
    guard let kumactl = context.kumactl else {
      say("redirection is left out, as kumactl is missing; build it with `make release` or `make build`")
      return []
    }
    let file = URL(fileURLWithPath: context.newPath("redirection.json"))
    let programs = Bundle.main.bundleURL
    let child = try ChildProcess.start(
      ChildProcess.Command(
        try context.python(),
        [
          context.project.appending(path: "Benchmarks/redirection/cost.py").path, "--json", file.path,
          "--kuma-cp", programs.appending(path: "kuma-cp").path, "--kuma-dp", programs.appending(path: "kuma-dp").path,
          "--kumactl", kumactl.path, "--rounds", "\(context.size(20, quick: 5))",
          "--seconds", "\(context.size(2, quick: 1))",
        ],
        output: .discard, errors: .lines(say)))
    let status = await child.exitStatus()
    try BenchmarkFailure.unless(status.isSuccess, "cost.py \(status)")
    return try JSONDecoder().decode(Results.self, from: Data(contentsOf: file)).rows
  }
}

/// What `cost.py` writes.
private struct Results: Decodable {
  /// What a request cost in a round: seconds of processor time.
  struct Figures: Decodable {
    /// Of both proxies.
    var proxies: Double
    /// Of both proxies, client and service.
    var all: Double
  }

  /// By kind of connections, then by pair of proxies.
  var rounds: [String: [[String: Figures]]]

  var rows: [ResultRow] {
    [("kept", "connections stay open"), ("new", "a connection per request")].flatMap { kind, connections in
      [("both proxies", \Figures.proxies), ("proxies, client and service", \.all)].map { what, figure in
        func figures(_ pair: String) -> [Double] { (rounds[kind] ?? []).compactMap { $0[pair]?[keyPath: figure] } }
        return ResultRow(
          "redirection", "\(connections), CPU of \(what) per request", in: .seconds, against: "explicit listeners",
          Comparison(values: figures("redirected"), baselines: figures("explicit")))
      }
    }
  }
}
