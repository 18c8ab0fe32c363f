import Foundation

/// The start of `kumactl`: by itself, and up to an answer after the control plane could not be reached.
enum StartupBenchmark {
  static func run(_ context: BenchmarkContext) throws -> [ResultRow] {
    guard let kumactl = context.kumactl else {
      say("startup is left out, as kumactl is missing; build it with `make release` or `make build`")
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
    let kubectl = Self.find("kubectl")
    var rows: [ResultRow] = []
    for words in [["config", "view"], ["version"]] {
      let command = ChildCommand(kumactl.path, ["--config-file", configuration] + words)
      let name = "kumactl \(words.joined(separator: " ")) (\(build))"
      rows += try compare(context, command, called: name, with: ChildCommand("/bin/true"), called: "/bin/true")
      guard let kubectl else { continue }
      let other = ChildCommand(kubectl, ["version", "--client"])
      rows += try compare(context, command, called: name, with: other, called: "kubectl version --client")
    }
    return rows
  }

  private static func compare(
    _ context: BenchmarkContext, _ command: ChildCommand, called name: String, with other: ChildCommand,
    called otherName: String
  ) throws -> [ResultRow] {
    var cpu = Comparison()
    var wall = Comparison()
    _ = (try command.run(), try other.run())
    for round in 0..<context.size(30, quick: 10) {
      let early = round.isMultiple(of: 2) ? nil : try other.run()
      let own = try command.run()
      let baseline = if let early { early } else { try other.run() }
      cpu.add(value: own.cpu, baseline: baseline.cpu)
      wall.add(value: own.wall, baseline: baseline.wall)
    }
    return [
      ResultRow("startup", "\(name), CPU", in: .seconds, against: otherName, cpu),
      ResultRow("startup", "\(name), wall", in: .seconds, against: otherName, wall),
    ]
  }

  private static func find(_ program: String) -> String? {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(program)" }
      .first { access($0, X_OK) == 0 }
  }
}
