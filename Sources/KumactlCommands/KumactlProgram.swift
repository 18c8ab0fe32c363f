import ArgumentParser
import Glibc
import MeshClient

/// The whole command line.
///
/// swift-argument-parser parses the arguments. ``CommandLineReader`` examines what the parser rejects, and writes help and
/// errors as in Kuma's command line.
package enum KumactlProgram {
  /// Runs the command line of this process.
  ///
  /// - Parameter arguments: the arguments without the program's name.
  /// - Returns: the exit code.
  package static func main(_ arguments: [String]) async -> Int32 {
    // If the reader of the output closes it, as `head` does, the program ends silently.
    signal(SIGPIPE, SIG_DFL)
    ControlPlaneClient.useOneThread()
    return Console.status(await run(arguments))
  }

  /// Runs one command line and returns the exit code.
  static func run(_ arguments: [String]) async -> Int32 {
    if arguments.first == "---completion" { return await complete(arguments) }
    let arguments = CommandLineReader.withoutTruthValues(arguments)
    if asksForHelp(arguments) {
      let reader = CommandLineReader()
      if case .help(let path, nil) = reader.read(arguments) {
        Console.write(reader.tree.help(for: path))
        return 0
      }
    }
    let command: any ParsableCommand
    do {
      command = try parse(arguments)
    } catch {
      return refuse(arguments, error)
    }
    guard var command = command as? any AsyncParsableCommand, !(command is Kumactl) else {
      return refuse(arguments, nil)
    }
    do {
      try await command.run()
      return 0
    } catch {
      return fail(error)
    }
  }

  /// Answers the script of a shell, which asks for the values of an argument.
  private static func complete(_ arguments: [String]) async -> Int32 {
    do {
      _ = try await Kumactl.asyncParseAsRoot(arguments)
      return 1
    } catch {
      // The parser throws its answer. An error is no news to somebody who presses Tab.
      guard Kumactl.exitCode(for: error) == .success else { return 1 }
      let answer = Kumactl.fullMessage(for: error)
      if !answer.isEmpty { Console.write(answer + "\n") }
      return 0
    }
  }

  /// Parses a command line; options may stand before the words of the command.
  static func parse(_ arguments: [String]) throws -> any ParsableCommand {
    do {
      return try Kumactl.parseAsRoot(arguments)
    } catch {
      let ordered = CommandLineReader().commandFirst(arguments)
      guard ordered != arguments else { throw error }
      return try Kumactl.parseAsRoot(ordered)
    }
  }

  /// Whether the arguments probably ask for help, so that running the parser first, which would fail, is unnecessary.
  private static func asksForHelp(_ arguments: [String]) -> Bool {
    arguments.isEmpty || arguments.first == "help"
      || arguments.prefix { $0 != "--" }.contains { $0 == "--help" || $0 == "-h" }
  }

  /// Prints help or an error for arguments that do not name a runnable command.
  private static func refuse(_ arguments: [String], _ error: (any Error)?) -> Int32 {
    let reader = CommandLineReader()
    switch reader.read(arguments) {
    case .help(let path, let warning):
      if let warning { Console.warn([warning]) }
      Console.write(reader.tree.help(for: path))
      return 0
    case .failure(let message, let usage, let hint):
      if let usage { Console.write(reader.tree.usage(of: usage) + "\n") }
      Console.error(message)
      if let hint { Console.notice(hint) }
      return 1
    case .nothingWrong(let path):
      guard let error else {
        Console.write(reader.tree.help(for: path))
        return 0
      }
      Console.write(reader.tree.usage(of: path) + "\n")
      Console.error(Kumactl.message(for: error))
      return 1
    }
  }

  private static func fail(_ error: any Error) -> Int32 {
    switch error {
    // Everything is said already.
    case let status as ExitCode: return status.rawValue
    case let error as CommandFailure:
      if error.isUnconfirmed { Console.unconfirmed() }
      Console.error(error.message)
    case let error as ControlPlaneError:
      if error.isUnconfirmed { Console.unconfirmed() }
      Console.error(error.withAdvice.description)
    default: Console.error("\(error)")
    }
    return 1
  }
}
