import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshTestSupport
import ProcessSupervisor
import Testing

@testable import KumactlCommands

/// Completion as people get it: in a shell that has read the script of `kumactl completion`.
@Suite("Completion in shells")
struct ShellCompletionTests {
  private static let documents = """
    type: Mesh
    name: default
    ---
    type: Mesh
    name: demo
    tracing: {backends: [{name: jaeger, type: zipkin, conf: {url: "http://jaeger:9411/api/v2/spans"}}]}
    ---
    type: TrafficTrace
    mesh: demo
    name: everything
    selectors: [{match: {kuma.io/service: '*'}}]
    conf: {backend: jaeger}

    """

  @Test("offers what an option may have, and what the control plane has", arguments: CompletingShell.allCases)
  func values(shell: CompletingShell) async throws {
    try await CommandTests().withControlPlane { kumactl, _, requests in
      let applied = try await kumactl("apply", "-f", "-", input: Self.documents)
      #expect(applied.status == 0, "\(applied.errors)")
      let offers: (String) async throws -> [String] = { try await shell.offers(behind: $0, kumactl) }
      #expect(
        try await offers("kumactl inspect dataplanes --type=tr") == [shell.isWholeWord ? "--type=tracing" : "tracing"])
      #expect(try await offers("kumactl get meshes -o ") == ["json", "table", "yaml"])
      #expect(try await offers("kumactl delete tr") == ["traffic-trace"])
      #expect(try await offers("kumactl get traffic-trace --mesh demo ") == ["everything"])
      #expect(try await offers("kumactl get traffic-trace --mesh d") == ["default", "demo"])
      #expect(requests().suffix(2) == ["GET /meshes/demo/traffic-traces?size=1000", "GET /meshes?size=1000"])
    }
  }

  @Test("offers nothing, says nothing and makes no file where there is no control plane")
  func away() async throws {
    try await KumactlProcess.withHome { kumactl in
      let asked = try await kumactl(
        "---completion", "get", "mesh", "--", "positional@0", "3", "0", "kumactl", "get", "mesh", "")
      #expect(asked.errors == "")
      #expect(!FileManager.default.fileExists(atPath: kumactl.home.appending(path: ".kumactl").path))
      try kumactl.write("controlPlanes: [}", to: ".kumactl/config")
      let unread = try await kumactl(
        "---completion", "get", "mesh", "--", "positional@0", "3", "0", "kumactl", "get", "mesh", "")
      #expect(unread == KumactlProcess.Outcome(status: 0, output: "", errors: ""))
    }
  }

  @Test("does not wait for a control plane that does not answer", .timeLimit(.minutes(15)))
  func silent() async throws {
    let (held, release) = AsyncStream.makeStream(of: Never.self)
    let responder: LoopbackServer.Responder = { _, _ in
      for await _ in held {}
      return (HTTPResponse(status: .serviceUnavailable), [])
    }
    try await LoopbackServer.run(responder) { base in
      defer { release.finish() }
      try await KumactlProcess.withHome { kumactl in
        let added = try await kumactl(
          "config", "control-planes", "add", "--name", "silent", "--address", base, "--skip-check")
        #expect(added.status == 0, "\(added.errors)")
        let asked = try await kumactl(
          "---completion", "delete", "--", "positional@1", "3", "0", "kumactl", "delete", "mesh", "")
        #expect(asked == KumactlProcess.Outcome(status: 0, output: "", errors: ""))
      }
    }
  }

  @Test("finds the values of options in the words of a line")
  func words() {
    let line = CompletedLine(["kumactl", "get", "mesh", "x", "-mdemo", "--config-file=/a=b", "--mesh"], 3)
    #expect(line.words == ["get", "mesh", "-mdemo", "--config-file=/a=b", "--mesh"])
    #expect(line.value(long: "mesh", short: "m") == "demo")
    #expect(line.value(long: "config-file") == "/a=b")
    #expect(line.value(long: "output") == nil)
    #expect(CompletedLine(["kumactl", "--mesh"], 2).value(long: "mesh") == nil)
  }

  @Test("offers no name that a shell would take apart")
  func names() {
    #expect(["default", "a.b-c_1", "X"].allSatisfy(NameCompletion.isPlain))
    #expect(!["", "a b", "-a", "a\nb", "a;b", "a'b", "é"].contains(where: NameCompletion.isPlain))
  }
}

/// A shell with the completion of kumactl.
enum CompletingShell: String, CaseIterable, Sendable {
  case bash
  case zsh
  case fish

  /// Whether what is offered begins with the option, where a value stands behind an equals sign.
  var isWholeWord: Bool { self == .fish }

  /// What the shell offers behind a beginning of a command line, sorted.
  func offers(behind line: String, _ kumactl: KumactlProcess) async throws -> [String] {
    let script = kumactl.home.appending(path: self == .zsh ? "_kumactl" : "script")
    if !FileManager.default.fileExists(atPath: script.path) {
      try Data(try await kumactl("completion", rawValue).output.utf8).write(to: script)
    }
    try kumactl.write(setup, to: "setup")
    try kumactl.write(Self.typing, to: "typing")
    try? FileManager.default.removeItem(at: kumactl.home.appending(path: "offered"))
    let home = kumactl.home.path(percentEncoded: false)
    let programs = URL(filePath: try TestPrograms.path("kumactl")).deletingLastPathComponent().path
    let run = try await ProgramOutput.of(
      ChildProcess.Command(
        "/usr/bin/env", ["zsh", "-f", "\(home)/typing"] + shell,
        environment: [
          "HOME": home, "LINE": line, "PATH": "\(programs):/usr/bin:/bin", "TERM": "xterm",
          // The other tests keep the processors busy.
          "KUMACTL_COMPLETION_TIMEOUT": "50s",
        ]),
      limit: .seconds(60))
    #expect(run.status.shellCode == 0, "\(rawValue): \(run.errors)")
    return run.output.filter { !$0.isEmpty }.map { String($0.prefix { $0 != "\t" }) }.sorted()
  }

  /// The shell, without the files of the machine.
  private var shell: [String] {
    switch self {
    case .bash: ["bash", "--norc", "--noprofile", "-i"]
    case .zsh: ["zsh", "-f", "-i"]
    case .fish: ["fish", "--no-config", "-i"]
    }
  }

  /// Has a terminal with an interactive shell, types the line and Tab at the prompt that the setup makes, and prints what was offered.
  private static let typing = """
    zmodload zsh/zpty
    zpty shell "$@"
    zpty -w shell "source \\$HOME/setup"
    zpty -r shell seen '*READY> *'
    zpty -w -n shell "$LINE"$'\\t'
    while zpty -r shell; do :; done >$HOME/seen
    cat $HOME/offered
    """

  /// Reads the script, and has the shell write to a file what it offers, and end then.
  private var setup: String {
    switch self {
    case .bash:
      """
      source $HOME/script
      complete -p kumactl >$HOME/specification
      read -r _ _ _ _ function _ <$HOME/specification
      offer() { "$function" "$@"; printf '%s\\n' "${COMPREPLY[@]}" >$HOME/offered; exit; }
      complete -o filenames -F offer kumactl
      PS1='READY> '
      """
    case .zsh:
      """
      fpath=($HOME $fpath)
      autoload -Uz compinit
      compinit -u -D
      compadd() {
        local -a offered
        [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]] || { builtin compadd -A offered "$@"; print -rl -- $offered >>$HOME/offered; }
        builtin compadd "$@"
      }
      offer() { zle complete-word; exit; }
      zle -N offer
      bindkey '^I' offer
      PROMPT='READY> '
      """
    case .fish:
      """
      source $HOME/script
      bind \\t 'complete -C (commandline -cp) >$HOME/offered; exit'
      function fish_prompt; echo -n 'READY> '; end
      """
    }
  }
}
