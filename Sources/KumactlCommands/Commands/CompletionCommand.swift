import ArgumentParser

struct CompletionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Output shell completion code for bash, fish or zsh.",
    discussion: """

      Outputs kumactl shell completion for the given shell (bash, fish or zsh).
      This depends on the bash-completion package.  Example installation instructions:
      # for bash users
      	$ kumactl completion bash > ~/.kumactl-completion
      	$ source ~/.kumactl-completion

      # for zsh users
      	% kumactl completion zsh > "${fpath[1]}/_kumactl"
      	% autoload -U compinit && compinit

      # for fish users
      	% kumactl completion fish > ~/.config/fish/completions/kumactl.fish
      """,
    subcommands: [CompletionBashCommand.self, CompletionFishCommand.self, CompletionZshCommand.self])
}
