import ArgumentParser
import Testing

@testable import KumactlCommands

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
      ("delete -m other mesh x", "delete mesh x -m other"),
      ("inspect --gateway dataplanes --tag a=b", "inspect dataplanes --gateway --tag a=b"), ("--help", "--help"),
      ("", ""), ("-o", "-o"),
    ])
  func commandFirst(line: String, expected: String) {
    let words = line.split(separator: " ").map(String.init)
    #expect(CommandLineReader().commandFirst(words).joined(separator: " ") == expected)
  }

  @Test("are parsed with options before and between the words of the command")
  func parsedInAnyOrder() throws {
    #expect(try KumactlProgram.parse(["get", "-o", "yaml", "meshes"]) is GetMeshesCommand)
    #expect(try KumactlProgram.parse(["get", "-o", "yaml", "dataplanes"]) is GetDataplanesCommand)
    #expect(try KumactlProgram.parse(["--config-file", "get", "get", "meshes"]) is GetMeshesCommand)
    #expect(try KumactlProgram.parse(["--no-config", "--log-level=debug", "version", "-a"]) is VersionCommand)
  }

  @Test("mean the same by an option wherever it stands")
  func consistentOptions() {
    var takesValue: [String: Bool] = [:]
    var letters: [Character: Bool] = [:]
    for flag in CommandTree.ofKumactl.root.reachableFlags {
      if let name = flag.long {
        #expect(
          takesValue.updateValue(flag.needsValue, forKey: name) ?? flag.needsValue == flag.needsValue, "--\(name)")
      }
      if let short = flag.short {
        #expect(letters.updateValue(flag.needsValue, forKey: short) ?? flag.needsValue == flag.needsValue, "-\(short)")
      }
    }
    // What the reader knows of the commands is all that the parser says of them.
    #expect(takesValue.count > 30 && letters.count > 5)
    #expect(takesValue["config-file"] == true && takesValue["no-config"] == false && takesValue["dry-run"] == false)
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
      // What scripts for Kuma have, and what does no harm.
      ["version", "x"], ["inspect", "dataplanes", "x", "--gateway", "y"], ["inspect", "meshes", "x"],
      ["inspect", "services", "x"],
      ["inspect", "dataplanes", "--ingress", "--egress", "-o", "yaml"], ["inspect", "dataplane", "x", "--config-dump"],
      ["inspect", "traffic-trace", "x", "-o", "json", "--new-api", "--offset", "3"],
      ["inspect", "services", "-ojson", "--api-timeout", "3s", "--no-config"], ["apply", "-f", "-", "-v", "a=1,b=2"],
      ["export", "--profile", "federation", "-f", "kubernetes"], ["export", "-pall", "--format=universal"],
      ["config", "control-planes", "add", "--name", "x", "--address", "http://x", "--skip-check"],
      ["install", "observability", "--kuma-cp-address", "x", "--loki-address", "y", "-m", "z"],
    ])
  func understood(arguments: [String]) throws {
    #expect(try Kumactl.parseAsRoot(arguments) is any AsyncParsableCommand)
    // The second reader agrees that there is nothing to complain about.
    guard case .nothingWrong = CommandLineReader().read(arguments) else {
      Issue.record("\(CommandLineReader().read(arguments))")
      return
    }
  }

  @Test(
    "lead to help",
    arguments: [
      ([], []), (["--help"], []), (["help"], []), (["get"], ["get"]),
      (["get", "meshes", "-h"], ["get", "meshes"]), (["help", "get", "meshes"], ["get", "meshes"]),
      (["config", "control-planes"], ["config", "control-planes"]), (["get", "-o", "yaml"], ["get"]),
    ] as [([String], [String])])
  func help(arguments: [String], path: [String]) {
    #expect(CommandLineReader().read(arguments) == .help(path))
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
      (["--colour", "x", "get"], .failure("unknown flag: --colour", usage: ["get"])),
      (["--colour", "x"], .failure("unknown flag: --colour", usage: [])),
      (["--colour=x", "frob"], .failure("unknown command \"frob\" for \"kumactl\"", hint: hint)),
      (["apply", "-z"], .failure("unknown shorthand flag: 'z' in -z", usage: ["apply"])),
      (["apply", "-f"], .failure("flag needs an argument: 'f' in -f", usage: ["apply"])),
      (["apply", "--file"], .failure("flag needs an argument: --file", usage: ["apply"])),
      (["apply"], .failure("required flag(s) \"file\" not set")),
      (["config", "control-planes", "add"], .failure("required flag(s) \"address\", \"name\" not set")),
      (["get", "mesh"], .failure("accepts 1 arg(s), received 0", usage: ["get", "mesh"])),
      (["delete", "a", "b", "c"], .failure("accepts 2 arg(s), received 3", usage: ["delete"])),
      (
        ["get", "meshes", "x"],
        .failure("unknown command \"x\" for \"kumactl get meshes\"", usage: ["get", "meshes"])
      ),
      (
        ["get", "meshes", "--size", "many"],
        .failure(
          "invalid argument \"many\" for \"--size\" flag: strconv.ParseInt: parsing \"many\": invalid syntax",
          usage: ["get", "meshes"])
      ),
      (
        ["version", "--api-timeout", "soon"],
        .failure(
          "invalid argument \"soon\" for \"--api-timeout\" flag: time: invalid duration \"soon\"",
          usage: ["version"])
      ),
      (
        ["get", "meshes", "--size=99999999999999999999"],
        .failure(
          "invalid argument \"99999999999999999999\" for \"--size\" flag: strconv.ParseInt: parsing "
            + "\"99999999999999999999\": value out of range", usage: ["get", "meshes"])
      ),
      (
        ["apply", "-f", "x", "-v", "a\"b"],
        .failure(
          "invalid argument \"a\\\"b\" for \"-v, --var\" flag: a\"b must be formatted as key=value", usage: ["apply"])
      ),
      (
        ["inspect", "dataplanes", "--tag", "web"],
        .failure(
          "invalid argument \"web\" for \"--tag\" flag: web must be formatted as key=value",
          usage: ["inspect", "dataplanes"])
      ),
      (
        ["inspect", "dataplanes", "--gateway=maybe"],
        .failure(
          "invalid argument \"maybe\" for \"--gateway\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
          usage: ["inspect", "dataplanes"])
      ),
      (
        ["version", "--api-timeout=10"],
        .failure(
          "invalid argument \"10\" for \"--api-timeout\" flag: time: missing unit in duration \"10\"",
          usage: ["version"])
      ),
      (
        ["version", "--api-timeout=1m2x"],
        .failure(
          "invalid argument \"1m2x\" for \"--api-timeout\" flag: time: unknown unit \"x\" in duration \"1m2x\"",
          usage: ["version"])
      ),
      (["fro\"b"], .failure("unknown command \"fro\\\"b\" for \"kumactl\"", hint: hint)),
      (["apply", "---"], .failure("bad flag syntax: ---", usage: ["apply"])),
    ] as [([String], CommandLineReader.Finding)])
  func refused(arguments: [String], expected: CommandLineReader.Finding) {
    #expect(throws: (any Error).self) { try Kumactl.parseAsRoot(arguments) }
    #expect(CommandLineReader().read(arguments) == expected)
  }

  private static let hint = "Run 'kumactl --help' for usage."

  @Test(
    "that name no command lead to help, with a warning",
    arguments: [
      (["get", "frobnicate"], ["get"], "\"frobnicate\" is not a command of \"kumactl get\""),
      (["get", "mesches"], ["get"], "\"mesches\" is not a command of \"kumactl get\"; did you mean \"meshes\"?"),
      (["get", "-o", "yaml", "traces"], ["get"], "\"traces\" is not a command of \"kumactl get\""),
      (
        ["config", "control-plane", "list"], ["config"],
        "\"control-plane\" is not a command of \"kumactl config\"; did you mean \"control-planes\"?"
      ),
    ] as [([String], [String], String)])
  func almost(arguments: [String], path: [String], warning: String) {
    #expect(CommandLineReader().read(arguments) == .help(path, warning: warning))
  }

  @Test(
    "that Kuma has and this program has not are errors that say what to do",
    arguments: [
      ("generate dp-token --name=redis", "generate dataplane-token"),
      ("generate zone-token --zone x", "--zone"), ("generate tls-certificate --type=server", "openssl"),
      ("install gateway kong", "networking.gateway"), ("install transparent-proxy-validator", "init container"),
      ("install metrics", "Jaeger"), ("install dns", ".mesh"),
      ("get meshtraces", "traffic-traces"), ("get meshtrace x -o yaml", "traffic-traces"), ("get zones", "--zone"),
      ("get -o json zone-ingresses", "--zone"), ("get zoneegresses", "--zone"),
      ("get external-services", "inspect services"),
      ("get meshservices", "inspect services"), ("get retries", "only policy"), ("get meshretries", "only policy"),
      ("get circuit-breakers -m x", "only policy"), ("get meshgateways", "networking.gateway"),
      ("get meshloadbalancingstrategies", "only policy"), ("inspect meshtrace x", "traffic-traces"),
      ("inspect zones", "--zone"), ("inspect zone-ingresses", "--zone"), ("inspect meshtimeout x", "only policy"),
      ("generate zone-token --help", "--zone"),
    ])
  func foreign(line: String, advice: String) {
    let arguments = line.split(separator: " ").map(String.init)
    guard case .failure(let message, nil, nil) = CommandLineReader().read(arguments) else {
      Issue.record("\(CommandLineReader().read(arguments))")
      return
    }
    #expect(message.hasPrefix("Kuma has the command \"kumactl "))
    #expect(message.contains(advice), "\(message)")
    #expect(message.contains("\(arguments.first { $0 != "help" } ?? "")"))
  }

  @Test("that this program has are none of Kuma's alone, and advice names only what is there")
  func foreignAndOwn() {
    let tree = CommandTree.ofKumactl
    func check(_ node: CommandTree.Node, _ path: [String]) {
      #expect(ForeignCommand.advice(for: path) == nil, "\(path)")
      for child in node.children { check(child, path + [child.name]) }
    }
    check(tree.root, [])
    for path in [["generate", "dp-token"], ["get", "secrets"], ["get", "retries"], ["install", "metrics"]] {
      for match in (ForeignCommand.advice(for: path) ?? "").matches(of: /`kumactl ([a-z -]+)`/) {
        let words = match.1.split(separator: " ").map(String.init)
        #expect(tree.nodes(words).count == words.count + 1, "\(match.0)")
      }
    }
  }

  @Test("may give a flag a truth value")
  func truthValues() {
    func read(_ line: String) -> String {
      CommandLineReader.withoutTruthValues(line.split(separator: " ").map(String.init)).joined(separator: " ")
    }
    #expect(read("get meshes --no-config=true") == "get meshes --no-config")
    #expect(read("--no-config=0 get meshes") == "get meshes")
    #expect(read("inspect dataplanes --gateway=T --tag a=true") == "inspect dataplanes --gateway --tag a=true")
    #expect(read("inspect dataplanes --gateway=maybe") == "inspect dataplanes --gateway=maybe")
    #expect(read("apply --dry-run=true") == "apply --dry-run=true")
    #expect(
      read("install transparent-proxy --dry-run=true --redirect-dns=false --redirect-inbound=true")
        == "install transparent-proxy --dry-run --redirect-inbound=true")
  }

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
    let tree = CommandTree.ofKumactl
    func check(_ node: CommandTree.Node, _ path: [String]) {
      #expect(node.abstract.hasSuffix("."), "\(path)")
      for flag in node.flags + node.positionals {
        #expect(!flag.abstract.isEmpty, "\(path) \(flag.long ?? flag.valueName)")
        // The name of a flag says nothing about its value.
        #expect(!flag.takesValue || flag.long == nil || flag.valueName != flag.long, "\(path) \(flag.valueName)")
      }
      let help = tree.help(for: path)
      #expect(help.contains("Example") && !help.contains("stringss") && !help.contains("stringArrays"), "\(path)")
      for child in node.children { check(child, path + [child.name]) }
    }
    #expect(tree.root.children.count == 13)
    check(tree.root, [])
  }

  @Test("have help laid out in columns")
  func layout() {
    let text = CommandTree.ofKumactl.help(for: ["get", "traffic-trace"])
    #expect(
      text.hasPrefix(
        """
        Show a single TrafficTrace resource.

        Usage:
          kumactl get traffic-trace NAME [flags]

        Flags:
          -h, --help          help for traffic-trace
          -m, --mesh string   mesh to use (default "default")

        Global Flags:
              --api-timeout duration
        """))
  }
}
