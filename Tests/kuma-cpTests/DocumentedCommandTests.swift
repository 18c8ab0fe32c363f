import ArgumentParser
import TestSupport
import Testing

@testable import kuma_cp

/// Command lines of kuma-cp that stand in documents.
@Suite("kuma-cp in documents") struct DocumentedCommandTests {
  @Test("is understood as it stands there") func understood() throws {
    let commands = try DocumentCommand.all(of: "kuma-cp")
    #expect(commands.count > 15)
    for command in commands {
      do {
        _ = try KumaControlPlane.parseAsRoot(command.arguments)
      } catch {
        guard KumaControlPlane.exitCode(for: error) != .success else { continue }
        // A sentence names a command without what the reader knows.
        let message = KumaControlPlane.message(for: error)
        #expect(command.isMention && message.hasPrefix("Missing "), "\(command): \(message)")
      }
    }
  }
}
