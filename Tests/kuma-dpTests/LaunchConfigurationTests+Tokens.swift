import Foundation
import MeshClient
import ProgramSettings
import TestSupport
import Testing

@testable import kuma_dp

/// The token by which a proxy proves who it is.
extension LaunchConfigurationTests {
  /// `{"alg":"RS256"}`, `{"sub":"web"}` and a signature.
  private static let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2ln"

  @Test("take a token with the blanks around it cut off")
  func tokens() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("\n \(Self.token)\n", to: "token")
    let token = try #require(try configuration("--name", "w", "--dataplane-token-file", file).token)
    #expect(token.text == Self.token)
    #expect(token.file == file)
    // Envoy reads the file too, but only one that holds nothing else: a header cannot hold a line feed.
    #expect(!token.isAlone)
    let exact = try folder.write(Self.token, to: "exact")
    #expect(try configuration("--name", "w", "--dataplane-token-file", exact).token?.isAlone == true)
    let variable = ["KUMA_DATAPLANE_RUNTIME_TOKEN": Self.token, "KUMA_DATAPLANE_NAME": "w"]
    #expect(try configuration(environment: variable).token?.text == Self.token)
    #expect(try configuration(environment: variable).token?.file == nil)
    #expect(try configuration("--dataplane-token-file", file, environment: variable).token?.file == file)
    // Envoy may have another working directory.
    #expect(try configuration("--name", "w", "--dataplane-token-file", exact).token?.path == exact)
    let name = "token-\(UUID().uuidString)"
    try Self.token.write(toFile: name, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: name) }
    let path = try configuration("--name", "w", "--dataplane-token-file", name).token?.path
    #expect(path == "\(FileManager.default.currentDirectoryPath)/\(name)")
  }

  @Test("refuse to send a token over a network in clear text")
  func clearText() throws {
    let arguments = ["--name", "w", "--dataplane-token", Self.token, "--cp-address"]
    let failure = try failure(arguments + ["http://10.0.0.1:5678"])
    #expect(failure.code == .badSetting && failure.description.contains("would send the token in clear text"))
    for address in ["https://10.0.0.1:5678", "http://127.0.0.1:5678", "http://localhost:5678"] {
      _ = try configuration("--name", "w", "--dataplane-token", Self.token, "--cp-address", address)
    }
    _ = try configuration("--name", "w", "--cp-address", "http://10.0.0.1:5678")
  }

  @Test(
    "refuse what is no token",
    arguments: [
      (" \n", "is empty"), ("a b", "holds blanks or line ends within the token"),
      ("a\n.b.c", "holds blanks or line ends within the token"),
      ("abc", "holds no JSON web token, which has three parts with dots between"),
      ("a.b.c.d", "holds no JSON web token, which has three parts with dots between"),
      ("..", "holds no JSON web token, which has three parts with dots between"),
      ("!!!!.e30.c2ln", "holds no JSON web token, which has three parts with dots between"),
      ("e30.e30.c2ln", "holds no JSON web token: its first part names no algorithm"),
      ("aGk.e30.c2ln", "holds no JSON web token: its first part names no algorithm"),
    ])
  func badTokens(text: String, fault: String) throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(text, to: "token")
    let failure = try failure(["--name", "w", "--dataplane-token-file", file])
    #expect(failure.code == .badToken)
    #expect(failure.description.hasPrefix("--dataplane-token-file: \(file) \(fault); "))
  }
}
