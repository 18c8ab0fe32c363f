import ArgumentParser
import MeshAccess
import MeshClient
import MeshModel
import SystemErrors

/// Options of every command that makes a token.
struct TokenOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "path to a file that contains private signing key; when given, no control plane is asked for the token",
      valueName: "string"), completion: .file())
  var signingKeyPath = ""

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "ID of the key that is used to issue a token; required with --signing-key-path", valueName: "string"))
  var kid = ""

  /// The key that signs without a control plane; `nil` if a control plane is to sign.
  func signingKey() throws -> SigningKey? {
    guard !signingKeyPath.isEmpty else {
      guard kid.isEmpty else {
        throw CommandFailure(
          "--kid can only be used with --signing-key-path; a control plane signs with its newest key")
      }
      return nil
    }
    guard !kid.isEmpty else { throw CommandFailure("--kid is required when --signing-key-path is used") }
    return try Self.signingKey(path: signingKeyPath, id: kid)
  }

  /// Reads a private key from a file.
  static func signingKey(path: String, id: String) throws -> SigningKey {
    do {
      return try SigningKey(id: id, data: try FileAccess.read(path, limit: 1 << 20).get())
    } catch let fault as KeyFault {
      throw CommandFailure("the file \(path.quoted) holds no signing key: \(fault)")
    } catch {
      throw CommandFailure("could not read a signing key file: \(error)")
    }
  }
}

/// How long a token is valid, in Go's format: `24h`.
struct ValidityArgument: ExpressibleByArgument {
  let duration: Duration

  init?(argument: String) {
    guard let duration = Duration(goText: argument) else { return nil }
    self.duration = duration
  }
}

extension ValidityArgument? {
  /// The time; throws if there is none, or less than a second, which is the unit of the dates in tokens.
  func required() throws -> Duration {
    guard let duration = self?.duration, duration >= .seconds(1) else {
      throw CommandFailure(
        "You must set a token validFor value: name how long the token is valid, such as --valid-for 24h")
    }
    return duration
  }
}

extension ControlPlaneClient {
  /// Asks the control plane for a token.
  func token(_ path: String, _ request: DocumentValue, action: String) async throws -> String {
    do {
      let token = try await text(.post, path, document: request)
      // Whatever else answers at the address must not be taken for a token.
      guard !token.isEmpty, token.utf8.count <= 1 << 16, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw CommandFailure("\(action): \(address) answered with something other than a token")
      }
      return token
    } catch let error as ControlPlaneError {
      throw error.during(action)
    }
  }
}
