import Foundation

extension TestPrograms {
  /// The Python with the clients that send spans, if the project's set-up made it and it has some packages; `nil` when it
  /// is not there or lacks one.
  ///
  /// - Parameter packages: folders of packages, such as `py_zipkin`.
  package static func python(with packages: [String]) -> String? {
    let venv = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: ".venv-senders")
    let python = venv.appending(path: "bin/python").path(percentEncoded: false)
    let libraries = venv.appending(path: "lib")
    let files = FileManager.default
    let versions = (try? files.contentsOfDirectory(atPath: libraries.path(percentEncoded: false))) ?? []
    let isComplete = versions.contains { version in
      packages.allSatisfy { package in
        files.fileExists(
          atPath: libraries.appending(path: "\(version)/site-packages/\(package)").path(percentEncoded: false))
      }
    }
    return isComplete && files.isExecutableFile(atPath: python) ? python : nil
  }
}
