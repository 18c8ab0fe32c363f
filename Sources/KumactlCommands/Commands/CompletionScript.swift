import ArgumentParser

/// The script with which a shell completes command lines of kumactl.
///
/// swift-argument-parser writes it from the declarations. Values of options behind an equals sign, as in `--type=tracing`, which the
/// documents write, are added here: in bash the parser's script does not know them, and in zsh it says that there are none.
enum CompletionScript {
  /// The script for a shell.
  static func text(for shell: CompletionShell) -> String {
    let script = Kumactl.completionScript(for: shell)
    switch shell {
    case .bash: return script + "\n\n" + joining
    case .zsh:
      return
        script
        .replacing(/(\n +'\*?--[\w\-]+)(?=\[.*\]:)/) { "\($0.1)=" }
        .replacing(/(\{-\w,--[\w\-]+)(?=\}'\[.*\]:)/) { "\($0.1)=" }
    default: return script
    }
  }

  /// Replaces how bash calls the completion.
  private static let joining = #"""
    # bash makes three words of --type=tracing. The functions above want two, the option and its value.
    _kumactl_joining() {
        local -a words=()
        local -i index current=COMP_CWORD
        for ((index = 0; index < ${#COMP_WORDS[@]}; index++)); do
            if ((index > 0)) && [[ "${COMP_WORDS[index]}" = '=' && "${COMP_WORDS[index - 1]}" = --* ]]; then
                if ((index == COMP_CWORD)); then
                    words+=('')
                elif ((index < COMP_CWORD)); then
                    ((current--))
                fi
            else
                words+=("${COMP_WORDS[index]}")
            fi
        done
        local -a COMP_WORDS=("${words[@]}")
        local -i COMP_CWORD=current
        _kumactl "${1}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    }
    complete -o filenames -F _kumactl_joining kumactl
    """#
}
