import Foundation

/// The programs that tests run as processes.
package enum TestPrograms {
  /// The path of a program of this package, which stands beside the tests, where the build puts both.
  ///
  /// - Throws: when the system does not say where the tests are.
  package static func path(_ name: String) throws -> String {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return URL(filePath: tests).deletingLastPathComponent().appending(path: name).path(percentEncoded: false)
  }

  /// The real Envoy: `$ENVOY`, or the one that the project's set-up keeps in its `.venv`; `nil` when there is neither.
  package static let envoy: String? = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let candidates = [
      ProcessInfo.processInfo.environment["ENVOY"], root.appending(path: ".venv/bin/envoy").path(percentEncoded: false),
    ]
    return candidates.compactMap(\.self).first { FileManager.default.isExecutableFile(atPath: $0) }
  }()
}
