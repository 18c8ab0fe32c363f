import ArgumentParser

struct CompletionFishCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fish", abstract: "Output fish completions.",
    discussion: """
      Output fish completions.

      Examples:
      kumactl completion fish
      """)

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws { Console.write(CompletionScript.text(for: .fish) + "\n") }
}
