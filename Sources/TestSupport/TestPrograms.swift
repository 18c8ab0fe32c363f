import Foundation

/// The programs that tests run as processes.
package enum TestPrograms {
  /// The path of a program of this package: in the folder `$KUMA_TRACE_PROGRAMS`, or beside the tests, where the build puts both.
  ///
  /// - Throws: when the system does not say where the tests are.
  package static func path(_ name: String) throws -> String {
    if let folder = ProcessInfo.processInfo.environment["KUMA_TRACE_PROGRAMS"], !folder.isEmpty {
      return URL(filePath: folder).absoluteURL.appending(path: name).path(percentEncoded: false)
    }
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

  /// The real Envoy without what starts it: the program that the script of the package of Python runs; `nil` when there is none.
  package static let envoyProgram: String? = {
    guard let envoy, let file = try? Data(contentsOf: URL(filePath: envoy), options: .mappedIfSafe) else { return nil }
    guard file.starts(with: Data("#!".utf8)) else { return envoy }
    // .venv/bin/envoy runs .venv/lib/python3.11/site-packages/envoy/_bin/envoy.
    let library = URL(filePath: envoy).deletingLastPathComponent().deletingLastPathComponent().appending(path: "lib")
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: library.path)) ?? []
    return versions.map { library.appending(path: "\($0)/site-packages/envoy/_bin/envoy").path(percentEncoded: false) }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()
}
