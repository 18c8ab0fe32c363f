import ArgumentParser

struct CompletionBashCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bash", abstract: "Output bash completions.",
    discussion: """
      Output bash completions.

      Examples:
      kumactl completion bash
      """)

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws { Console.write(CompletionScript.text(for: .bash) + "\n") }
}
