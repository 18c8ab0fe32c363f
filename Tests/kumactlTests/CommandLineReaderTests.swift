import ArgumentParser
import Testing

@testable import kumactl

@Suite("Command lines")
struct CommandLineReaderTests {
  private typealias Finding = CommandLineReader.Finding

  @Test(
    "have their options moved behind the command",
    arguments: [
      ("get meshes -o yaml", "get meshes -o yaml"), ("get -o yaml meshes", "get meshes -o yaml"),
      ("--config-file c get meshes", "get meshes --config-file c"),
      ("--no-config --log-level=debug version -a", "version --no-config --log-level=debug -a"),
      ("apply -f x.yaml", "apply -f x.yaml"), ("apply --dry-run -f -", "apply --dry-run -f -"),
      ("delete -m other mesh x", "delete mesh x -m other"), ("--help", "--help"), ("", ""), ("-o", "-o"),
    ])
  func commandFirst(line: String, expected: String) {
    let words = line.split(separator: " ").map(String.init)
    #expect(CommandLineReader.commandFirst(words).joined(separator: " ") == expected)
  }

  @Test(
    "are understood",
    arguments: [
      ["version", "-a"], ["get", "meshes", "--size", "3"], ["get", "mesh", "x", "-ojson"],
      ["get", "mesh", "-o=json", "x"],
      ["apply", "-f", "-", "-v", "a=1", "-v", "b=-2"], ["apply", "-fx.yaml", "--dry-run"], ["completion", "zsh"],
      ["apply", "--dry-run", "-f", "x"], ["apply", "--dry-run=server", "-f", "x", "-o", "json"],
      ["inspect", "dataplane", "x", "--type=tracing", "-ojson"],
      ["config", "control-planes", "add", "--name", "x", "--address", "http://x", "--skip-verify"],
      ["delete", "traffic-trace", "x", "-m", "other"], ["install", "tracing", "--namespace", "x"],
      ["inspect", "dataplanes", "--tag", "a=b", "--tag", "c=d", "--gateway"],
    ])
  func understood(arguments: [String]) throws {
    #expect(try Kumactl.parseAsRoot(arguments) is any AsyncParsableCommand)
    // The second reader agrees that there is nothing to complain about.
    guard case .nothingWrong = CommandLineReader(tree: CommandTree()).read(arguments) else {
      Issue.record("\(CommandLineReader(tree: CommandTree()).read(arguments))")
      return
    }
  }

  @Test(
    "lead to help",
    arguments: [
      ([], []), (["--help"], []), (["help"], []), (["get"], ["get"]), (["get", "frobnicate"], ["get"]),
      (["get", "meshes", "-h"], ["get", "meshes"]), (["help", "get", "meshes"], ["get", "meshes"]),
      (["config", "control-planes"], ["config", "control-planes"]), (["get", "-o", "yaml"], ["get"]),
    ] as [([String], [String])])
  func help(arguments: [String], path: [String]) {
    #expect(CommandLineReader(tree: CommandTree()).read(arguments) == .help(path))
  }

  @Test(
    "are refused in words that users of Kuma know",
    arguments: [
      (["frobnicate"], .failure("unknown command \"frobnicate\" for \"kumactl\"", hint: hint)),
      (
        ["aply", "-f", "x"],
        .failure("unknown command \"aply\" for \"kumactl\"\n\nDid you mean this?\n\tapply\n", hint: hint)
      ),
      (["--colour"], .failure("unknown flag: --colour", usage: [])),
      (["apply", "-z"], .failure("unknown shorthand flag: 'z' in -z", usage: ["apply"])),
      (["apply", "-f"], .failure("flag needs an argument: 'f' in -f", usage: ["apply"])),
      (["apply", "--file"], .failure("flag needs an argument: --file", usage: ["apply"])),
      (["apply"], .failure("required flag(s) \"file\" not set")),
      (["config", "control-planes", "add"], .failure("required flag(s) \"address\", \"name\" not set")),
      (["get", "mesh"], .failure("accepts 1 arg(s), received 0", usage: ["get", "mesh"])),
      (["delete", "a", "b", "c"], .failure("accepts 2 arg(s), received 3", usage: ["delete"])),
      (["version", "x"], .failure("unknown command \"x\" for \"kumactl version\"", usage: ["version"])),
      (
        ["get", "meshes", "--size", "many"],
        .failure("invalid argument \"many\" for \"--size\" flag: not a whole number", usage: ["get", "meshes"])
      ),
      (
        ["version", "--api-timeout", "soon"],
        .failure(
          "invalid argument \"soon\" for \"--api-timeout\" flag: not a duration such as 500ms, 10s or 1m30s",
          usage: ["version"])
      ),
    ] as [([String], CommandLineReader.Finding)])
  func refused(arguments: [String], expected: CommandLineReader.Finding) {
    #expect(throws: (any Error).self) { try Kumactl.parseAsRoot(arguments) }
    #expect(CommandLineReader(tree: CommandTree()).read(arguments) == expected)
  }

  private static let hint = "Run 'kumactl --help' for usage."

  @Test("have durations as Go writes them")
  func durations() {
    #expect(DurationArgument(argument: "500ms")?.duration == .milliseconds(500))
    #expect(DurationArgument(argument: "1m30s")?.duration == .seconds(90))
    #expect(DurationArgument(argument: "1.5h")?.duration == .seconds(5400))
    #expect(DurationArgument(argument: "0")?.duration == .seconds(60))
    for text in ["", "10", "s", "1x", "1s1", "-1s", "1..2s", "99999999999h"] {
      #expect(DurationArgument(argument: text) == nil, "\(text)")
    }
  }

  @Test("are all documented: every command has a sentence, every flag a text, and there are examples")
  func documented() {
    let tree = CommandTree()
    func check(_ node: CommandTree.Node, _ path: [String]) {
      #expect(node.abstract.hasSuffix("."), "\(path)")
      for flag in node.flags + node.positionals {
        #expect(!flag.abstract.isEmpty, "\(path) \(flag.long ?? flag.valueName)")
      }
      #expect(tree.help(for: path).contains("Example"), "\(path)")
      for child in node.children { check(child, path + [child.name]) }
    }
    #expect(tree.root.children.count == 10)
    check(tree.root, [])
  }

  @Test("have help laid out in columns")
  func layout() {
    let text = CommandTree().help(for: ["inspect", "traffic-trace"])
    #expect(
      text.hasPrefix(
        """
        Inspect TrafficTrace.

        Usage:
          kumactl inspect traffic-trace NAME [flags]

        Flags:
          -h, --help          help for traffic-trace
          -m, --mesh string   mesh to use (default "default")

        Global Flags:
              --api-timeout duration
        """))
  }
}
