import Foundation
import HTTPTypes
import LoopbackTestSupport
import Synchronization
import Testing

@testable import KumactlCommands

/// `kumactl config control-planes add` with what proves who the user is.
@Suite("Control planes that ask who is there", .timeLimit(.minutes(15)))
struct ControlPlanesAddTests {
  /// A control plane that knows one token, and what it was asked with.
  private static func withControlPlane(
    _ body: @escaping @Sendable (KumactlProcess, String, @Sendable () -> [HTTPFields]) async throws -> Void
  ) async throws {
    let requests = Mutex<[HTTPFields]>([])
    let responder: LoopbackServer.Responder = { request, _ in
      requests.withLock { $0.append(request.headerFields) }
      switch request.headerFields[.authorization] {
      case "Bearer good": return (HTTPResponse(status: .ok), Array(#"{"tagline":"Kuma","version":"2.7.0"}"#.utf8))
      case "Bearer small":
        let text = #"{"title":"Access Denied","detail":"user \"small\" cannot access resources"}"#
        return (
          HTTPResponse(status: request.path == "/" ? .ok : .forbidden),
          Array(request.path == "/" ? #"{"tagline":"Kuma","version":"2.7.0"}"#.utf8 : text.utf8)
        )
      default:
        let text = #"{"title":"Invalid authentication data","detail":"Unauthenticated"}"#
        return (HTTPResponse(status: .unauthorized), Array(text.utf8))
      }
    }
    try await LoopbackServer.run(responder) { base in
      try await KumactlProcess.withHome { kumactl in try await body(kumactl, base) { requests.withLock { $0 } } }
    }
  }

  @Test("get the token and the headers with each request, also one that ends with a line end")
  func token() async throws {
    try await Self.withControlPlane { kumactl, base, requests in
      let added = try await kumactl(
        "config", "control-planes", "add", "--name", "x", "--address", base, "--auth-type", "tokens", "--auth-conf",
        "token=good\n", "--headers", "x-team=a,x-zone=b")
      #expect(added.status == 0, "\(added.errors)")
      #expect(added.output == "added Control Plane \"x\"\nswitched active Control Plane to \"x\"\n")
      _ = try await kumactl("get", "meshes")
      let last = try #require(requests().last)
      #expect(last[.authorization] == "Bearer good")
      #expect(HTTPField.Name("x-team").flatMap { last[$0] } == "a")
      #expect(HTTPField.Name("x-zone").flatMap { last[$0] } == "b")
      let path = kumactl.home.appending(path: ".kumactl/config").path(percentEncoded: false)
      #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    }
  }

  @Test("are not added with a token that they refuse, and the error names the fix")
  func refused() async throws {
    try await Self.withControlPlane { kumactl, base, _ in
      let refused = try await kumactl(
        "config", "control-planes", "add", "--name", "x", "--address", base, "--auth-type", "tokens", "--auth-conf",
        "token=wrong")
      #expect(refused.status == 1)
      #expect(
        refused.errors.hasPrefix(
          "Error: could not connect to the Control Plane API Server: Invalid authentication data (Unauthenticated); show a user "
            + "token"), "\(refused.errors)")
      let small = try await kumactl(
        "config", "control-planes", "add", "--name", "x", "--address", base, "--auth-type=tokens",
        "--auth-conf=token=small")
      #expect(small.status == 0, "\(small.errors)")
      let forbidden = try await kumactl("get", "meshes")
      #expect(forbidden.status == 1)
      #expect(
        forbidden.errors.contains(
          #"Access Denied (user "small" cannot access resources); ask an administrator for the permission"#),
        "\(forbidden.errors)")
    }
  }

  @Test(
    "are refused with flags that do not go together, in Kuma's words",
    arguments: [
      (["--auth-type", "basic"], "authentication plugin of type \"basic\" is not found; the only one is \"tokens\""),
      (["--auth-type", "tokens"], "--auth-conf is not valid: provide token=YOUR_TOKEN"),
      (["--auth-type", "tokens", "--auth-conf", "token="], "--auth-conf is not valid: provide token=YOUR_TOKEN"),
      (["--client-cert-file", "a.crt"], "Both --client-cert-file and --client-key-file needs to be specified"),
      (["--client-key-file", "a.key"], "Both --client-cert-file and --client-key-file needs to be specified"),
    ])
  func flags(flags: [String], message: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      let words = ["config", "control-planes", "add", "--name", "x", "--address", "https://cp.example:5682"] + flags
      let refused = try await kumactl.run(words)
      #expect(refused.status == 1)
      #expect(refused.errors == "Error: \(message)\n")
    }
  }

  @Test("a token that others could read on its way is warned of")
  func plaintext() async throws {
    try await KumactlProcess.withHome { kumactl in
      let added = try await kumactl(
        "config", "control-planes", "add", "--name", "x", "--address", "http://cp.example:5681", "--auth-type",
        "tokens",
        "--auth-conf", "token=t", "--skip-check")
      #expect(added.status == 0)
      #expect(
        added.errors
          == "Warning: the token is sent without encryption to http://cp.example:5681; use the API over https:// "
          + "instead, by default at port 5682\n")
    }
  }

  @Test("are added with a warning when they do not know the user, although they answer")
  func anonymous() async throws {
    let responder: LoopbackServer.Responder = { request, _ in
      let isKnown = request.headerFields[.authorization] == "Bearer good"
      let text =
        switch request.path {
        case "/": #"{"tagline":"Kuma","version":"2.7.0"}"#
        case "/who-am-i" where isKnown: #"{"name":"alice","groups":["mesh-system:authenticated"]}"#
        default: #"{"name":"mesh-system:anonymous","groups":["mesh-system:unauthenticated"]}"#
        }
      return (HTTPResponse(status: .ok), Array(text.utf8))
    }
    try await LoopbackServer.run(responder) { base in
      try await KumactlProcess.withHome { kumactl in
        let words = ["config", "control-planes", "add", "--overwrite", "--name", "x", "--address", base]
        let stranger = try await kumactl.run(words)
        #expect(stranger.status == 0 && stranger.output.hasPrefix("added Control Plane"), "\(stranger)")
        #expect(
          stranger.errors
            == "Warning: the control plane does not know you (mesh-system:anonymous), and will refuse most commands; "
            + "show a user token: kumactl config control-planes add --overwrite --name x --address \(base) "
            + "--auth-type tokens --auth-conf token=TOKEN\n")
        let known = try await kumactl.run(words + ["--auth-type", "tokens", "--auth-conf", "token=good"])
        #expect(known.status == 0 && known.errors.isEmpty, "\(known)")
      }
    }
  }

  @Test("are kept with the absolute paths of their files, so that commands work in every folder")
  func paths() async throws {
    try await KumactlProcess.withHome { kumactl in
      let added = try await kumactl(
        "config", "control-planes", "add", "--name", "x", "--address", "https://cp.example:5682", "--ca-cert-file",
        "tls/ca.crt", "--client-cert-file", "/etc/alice.crt", "--client-key-file", "alice.key", "--skip-check")
      #expect(added.status == 0, "\(added.errors)")
      let view = try await kumactl("config", "view").output
      let home = kumactl.home.resolvingSymlinksInPath().path(percentEncoded: false)
      let folder = home.hasSuffix("/") ? String(home.dropLast()) : home
      for line in [
        "caCertFile: \(folder)/tls/ca.crt", "clientCertFile: /etc/alice.crt", "clientKeyFile: \(folder)/alice.key",
      ] { #expect(view.contains("\(line)\n"), "\(view)") }
    }
  }
}
