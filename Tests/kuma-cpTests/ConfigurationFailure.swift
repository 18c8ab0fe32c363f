import Foundation
import ProgramSettings

@testable import kuma_cp

/// Writes a configuration file that is gone when the body returns.
func withFile<Result>(_ text: String, _ body: (String) async throws -> Result) async throws -> Result {
  let path = NSTemporaryDirectory() + "kuma-cp-\(UUID().uuidString).yaml"
  try text.write(toFile: path, atomically: true, encoding: .utf8)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}

/// What the control plane says about settings that it refuses; nil if it takes them.
func failure(
  file: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]
) async -> String? {
  do {
    _ = try ControlPlaneConfiguration.load(file: file, environment: environment, flags: flags)
    return nil
  } catch {
    return "\(error)"
  }
}
