import ArgumentParser
import TestSupport
import Testing

@testable import KumactlCommands

/// Command lines of kumactl that stand in documents.
@Suite("kumactl in documents") struct DocumentedCommandTests {
  @Test("is understood as it stands there") func understood() throws {
    let commands = try DocumentCommand.all(of: "kumactl")
    #expect(commands.count > 80 && commands.count { !$0.isMention } > 40)
    let reader = CommandLineReader()
    for command in commands {
      switch reader.read(command.arguments) {
      case .failure(let message, _, _):
        // A sentence names a command without what the reader knows, or one that only Kuma's program has.
        let isIncomplete = message.hasPrefix("required flag(s)") || message.hasSuffix("received 0")
        let isOnlyKumas = message.hasPrefix("Kuma has the command")
        #expect(command.isMention && (isIncomplete || isOnlyKumas), "\(command): \(message)")
      case .nothingWrong where !command.isMention:
        #expect(throws: Never.self, "\(command)") { try KumactlProgram.parse(command.arguments) }
      case .nothingWrong, .help: break
      }
    }
  }
}
