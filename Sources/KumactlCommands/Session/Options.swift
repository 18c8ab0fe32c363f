import ArgumentParser
import MeshClient
import MeshModel

/// Options of every command.
struct GlobalOptions: ParsableArguments {
  /// The heading of options that several commands share.
  static let section = "Global Flags"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "how long a request to the control plane may take; 0 takes the default", valueName: "duration"))
  var apiTimeout = DurationArgument(.seconds(60))

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("path of the configuration file, instead of $HOME/.kumactl/config", valueName: "string"),
    completion: .file())
  var configFile: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("how much is logged: off, info or debug", valueName: "string"),
    completion: .list(["off", "info", "debug"]))
  var logLevel = "off"

  @Flag(help: "neither read nor write a configuration file; the control plane is http://localhost:5681")
  var noConfig = false

  func validate() throws {
    guard ["off", "info", "debug"].contains(logLevel) else {
      throw ValidationError("unknown log level \"\(logLevel)\"")
    }
  }
}

/// Extra arguments of a command that takes none. Kuma's command line ignores them for some commands.
struct IgnoredWords: ParsableArguments {
  @Argument(help: ArgumentHelp("words that are ignored", visibility: .hidden))
  var words: [String] = []

  /// Warns that the words have no effect.
  func warn() { Console.warn(words.map { "\($0.quoted) is ignored: the command takes no arguments" }) }
}

/// The choice of an output format.
struct OutputOptions: ParsableArguments {
  @Option(
    name: [.customShort("o", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("output format: table, yaml or json", valueName: "string"),
    completion: .list(["table", "yaml", "json"]))
  var output = "table"

  var format: OutputFormat { get throws { try OutputFormat(named: output) } }
}

/// The choice of an output format of a list that has a longer table, too.
struct ListOutputOptions: ParsableArguments {
  @Option(
    name: [.customShort("o", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("output format: table, wide (with --type=tracing), yaml or json", valueName: "string"),
    completion: .list(["table", "wide", "yaml", "json"]))
  var output = "table"

  /// Whether the longer table is asked for.
  var isWide: Bool { output == "wide" }

  /// The format where there is a longer table; it is a table.
  var formatOrWide: OutputFormat { get throws { isWide ? .table : try OutputFormat(named: output) } }
}

/// The choice of a mesh.
struct MeshOptions: ParsableArguments {
  @Option(
    name: [.customShort("m", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("mesh to use", valueName: "string"), completion: NameCompletion.of(.mesh))
  var mesh = "default"
}

/// The choice of a part of a list.
struct PagingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "the offset that indicates starting element of the resources list to retrieve", valueName: "string")
  )
  var offset: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("maximum number of elements to return", valueName: "int"))
  var size: Int?
}

/// Names with values: `a=1`, or several as `a=1,b=2`.
struct PairsArgument: ExpressibleByArgument {
  /// The value's name in help, by which ``CommandLineReader`` recognises it.
  static let valueName = "stringToString"

  let pairs: [(name: String, value: String)]

  init?(argument: String) {
    guard let pairs = try? VariableTemplate.pairs(argument) else { return nil }
    self.pairs = pairs
  }
}

extension [PairsArgument] {
  /// All pairs; if a name is given twice, the last value wins.
  var values: [String: String] { flatMap(\.pairs).reduce(into: [:]) { $0[$1.name] = $1.value } }
}

/// A duration in Go's format: `500ms`, `1m30s`.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
  let duration: Duration
  let description: String

  init(_ duration: Duration) {
    self.duration = duration
    self.description = "\(duration.components.seconds)s"
  }

  init?(argument: String) {
    guard let total = Duration(goText: argument) else { return nil }
    duration = total > .zero ? total : .seconds(60)
    description = argument
  }
}

extension Bool {
  /// Reads a Boolean value of Kuma's command line. Source: Go's `strconv.ParseBool`.
  init?(goText text: some StringProtocol) {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": self = true
    case "0", "f", "F", "false", "FALSE", "False": self = false
    default: return nil
    }
  }
}
