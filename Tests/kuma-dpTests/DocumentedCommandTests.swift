import ArgumentParser
import TestSupport
import Testing

@testable import kuma_dp

/// Command lines of kuma-dp that stand in documents.
@Suite("kuma-dp in documents") struct DocumentedCommandTests {
  @Test("is understood as it stands there") func understood() throws {
    let commands = try DocumentCommand.all(of: "kuma-dp")
    #expect(commands.count > 6)
    for command in commands {
      do {
        _ = try KumaDataplane.parseAsRoot(command.arguments)
      } catch {
        guard KumaDataplane.exitCode(for: error) != .success else { continue }
        // A sentence names a command without what the reader knows.
        let message = KumaDataplane.message(for: error)
        #expect(command.isMention && message.hasPrefix("Missing "), "\(command): \(message)")
      }
    }
  }
}
