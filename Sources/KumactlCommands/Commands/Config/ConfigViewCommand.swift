import ArgumentParser

struct ConfigViewCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "view", abstract: "Show kumactl config.",
    discussion: """
      Show kumactl config.

      Examples:
      kumactl config view
      """)

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws { Console.write(try Session(global).configurationFile().configuration.yaml + "\n") }
}
