import Foundation

/// What a benchmark is run with.
struct BenchmarkContext {
  /// Whether it shall be over soon, at the price of precision.
  let isQuick: Bool
  /// A folder for files, on a real disk; removed at the end.
  let folder: URL
  /// The folder of the project.
  let project: URL
  /// The `kumactl` to start.
  let kumactl: URL?

  /// How many proxies fleets have; chosen by the benchmark when empty.
  var fleetSizes: [Int] = []

  /// The second of two sizes in a quick run, the first otherwise.
  func size<Size>(_ whole: Size, quick: Size) -> Size { isQuick ? quick : whole }

  /// The Python that the project's set-up made, with gRPC.
  ///
  /// - Throws: ``BenchmarkFailure`` when there is none.
  func python() throws -> String {
    let path = project.appending(path: ".venv/bin/python").path
    try BenchmarkFailure.unless(
      FileManager.default.isExecutableFile(atPath: path), "\(path) is missing; Scripts/setup installs it")
    return path
  }

  /// A path in the folder that nobody has used.
  func newPath(_ name: String) -> String { folder.appending(path: "\(name)-\(UUID().uuidString)").path }
}

/// Something came out that must not: figures of wrong work are worth nothing.
struct BenchmarkFailure: Error, CustomStringConvertible {
  /// What came out, and what should have.
  let description: String

  /// Fails unless a condition holds.
  static func unless(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw BenchmarkFailure(description: message()) }
  }
}
