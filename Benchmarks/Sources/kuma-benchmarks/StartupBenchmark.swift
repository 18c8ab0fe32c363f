import Foundation

/// The start of `kumactl`: its version, after the control plane could not be reached.
enum StartupBenchmark {
  static func run(_ context: BenchmarkContext) throws -> [ResultRow] {
    guard let kumactl = context.kumactl else {
      say("startup is left out, as there is no kumactl; build it with `make release` or `make build`")
      return []
    }
    let build = kumactl.pathComponents.contains("release") ? "release build" : "debug build"
    let configuration = context.newPath("kumactl")
    // A port that is closed: the connection is refused at once, so that it is the program that is timed.
    try Data(
      """
      contexts:
      - controlPlane: closed
        name: closed
      controlPlanes:
      - coordinates:
          apiServer:
            url: http://127.0.0.1:1
        name: closed
      currentContext: closed
      """.utf8
    ).write(to: URL(fileURLWithPath: configuration))
    let version = ChildCommand(kumactl.path, "--config-file", configuration, "version")
    var rows = try compare(context, version, build: build, with: ChildCommand("/bin/true"), called: "/bin/true")
    if let kubectl = Self.find("kubectl") {
      let other = ChildCommand(kubectl, "version", "--client")
      rows += try compare(context, version, build: build, with: other, called: "kubectl version --client")
    }
    return rows
  }

  private static func compare(
    _ context: BenchmarkContext, _ version: ChildCommand, build: String, with other: ChildCommand, called name: String
  ) throws -> [ResultRow] {
    var cpu = Comparison()
    var wall = Comparison()
    _ = (try version.run(), try other.run())
    for round in 0..<context.size(30, quick: 10) {
      let early = round.isMultiple(of: 2) ? nil : try other.run()
      let own = try version.run()
      let baseline = if let early { early } else { try other.run() }
      cpu.add(value: own.cpu, baseline: baseline.cpu)
      wall.add(value: own.wall, baseline: baseline.wall)
    }
    return [
      ResultRow("startup", "kumactl version (\(build)), CPU", in: .seconds, against: name, cpu),
      ResultRow("startup", "kumactl version (\(build)), wall", in: .seconds, against: name, wall),
    ]
  }

  private static func find(_ program: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(program)" }
      .first { access($0, X_OK) == 0 }
  }
}
