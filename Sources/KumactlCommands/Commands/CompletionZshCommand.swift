import ArgumentParser

struct CompletionZshCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zsh", abstract: "Output zsh completions.",
    discussion: """
      Output zsh completions.

      Examples:
      kumactl completion zsh
      """)

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws { Console.write(CompletionScript.text(for: .zsh) + "\n") }
}
