import ArgumentParser

struct TracesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traces", abstract: "Work with stored traces.",
    discussion: """
      Work with stored traces.

      Examples:
      kumactl traces import --from http://zipkin:9411 --lookback 7d
      """,
    subcommands: [TracesImportCommand.self])
}
