import MeshAccess
import MeshModel
import MeshTestSupport
import Testing

/// Tokens and keys, made by the program with and without a control plane.
@Suite("Commands for tokens") struct TokenCommandTests {
  /// A key in a file, and the public key that the program makes of it.
  private func withKey(
    _ body: @escaping @Sendable (KumactlProcess, SigningKey, KeyRing) async throws -> Void
  ) async throws {
    try await KumactlProcess.withHome { kumactl in
      let foreign = ForeignTokens.shared
      try kumactl.write(String(decoding: foreign.key("stranger"), as: UTF8.self), to: "key.pem")
      let shown = try await kumactl("generate", "public-key", "--signing-key-path", "key.pem")
      #expect(shown.output == String(decoding: foreign.key("stranger", "public"), as: UTF8.self))
      var validation = TokenValidation()
      let verifying = try VerifyingKey(id: "7", publicPEM: shown.output)
      try validation.add(dataplaneKey: verifying, mesh: "demo")
      try validation.add(userKey: verifying)
      try await body(kumactl, SigningKey(id: "7", data: foreign.key("stranger")), KeyRing(validation))
    }
  }

  @Test("are made offline with a key of a file, and written without a line end") func offline() async throws {
    try await withKey { kumactl, _, ring in
      let made = try await kumactl(
        "generate", "dataplane-token", "--mesh", "demo", "--name", "web-1", "--tag", "kuma.io/service=web,web-api",
        "--tag", "region=eu", "--proxy-type", "dataplane", "--valid-for", "24h", "--signing-key-path", "key.pem",
        "--kid", "7")
      #expect(made.status == 0 && made.errors.isEmpty, "\(made.errors)")
      #expect(!made.output.hasSuffix("\n"))
      let token = try ring.verifyDataplaneToken(made.output, mesh: "demo", now: .now).get()
      #expect(
        token.claims
          == DataplaneClaims(
            name: "web-1", mesh: "demo", tags: ["kuma.io/service": ["web", "web-api"], "region": ["eu"]],
            proxyType: "dataplane"))
      #expect(token.stamp.keyID == "7")
      #expect(token.stamp.expires.seconds - token.stamp.issued.seconds == 24 * 3600)

      let user = try await kumactl(
        "generate", "user-token", "--name", "ann", "--group", "a,b", "--group", "c", "--valid-for", "1h",
        "--signing-key-path=key.pem", "--kid=7")
      let known = try ring.verifyUserToken(user.output, now: .now).get().user
      #expect(known == User(name: "ann", groups: ["a", "b", "c", User.authenticatedGroup]))
    }
  }

  @Test(
    "say what is missing or wrong, and write nothing to where a token would go",
    arguments: [
      (
        ["--kid", "1", "--valid-for", "1h"],
        "--kid can only be used with --signing-key-path; a control plane signs with its newest key"
      ),
      (["--signing-key-path", "key.pem", "--valid-for", "1h"], "--kid is required when --signing-key-path is used"),
      (
        ["--signing-key-path", "none.pem", "--kid", "7", "--valid-for", "1h"],
        "could not read a signing key file: open none.pem: no such file or directory"
      ),
      (
        ["--signing-key-path", "public.pem", "--kid", "7", "--valid-for", "1h"],
        "the file \"public.pem\" holds no signing key: it is a public key; a private key is needed"
      ),
      (
        ["--signing-key-path", "key.pem", "--kid", "7"],
        "You must set a token validFor value: name how long the token is valid, such as --valid-for 24h"
      ),
      (
        ["--valid-for", "0"],
        "You must set a token validFor value: name how long the token is valid, such as --valid-for 24h"
      ),
      (
        ["--valid-for", "1d"],
        "invalid argument \"1d\" for \"--valid-for\" flag: time: unknown unit \"d\" in duration \"1d\""
      ),
      (
        ["--tag", "web", "--valid-for", "1h"],
        "invalid argument \"web\" for \"--tag\" flag: web must be formatted as key=value"
      ),
      (
        ["--proxy-type", "x", "--signing-key-path", "key.pem", "--kid", "7", "--valid-for", "1h"],
        "failed to generate a dataplane token: x is not a valid proxy type"
      ),
    ] as [([String], String)])
  func refused(arguments: [String], error: String) async throws {
    try await withKey { kumactl, key, _ in
      try kumactl.write(key.publicPEM, to: "public.pem")
      let outcome = try await kumactl.run(["generate", "dataplane-token", "--mesh", "demo"] + arguments)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("Error: \(error)\n"), "\(outcome.errors)")
      #expect(!outcome.output.contains("eyJ"))
    }
  }

  @Test("of users need a name and a time") func required() async throws {
    try await KumactlProcess.withHome { kumactl in
      let outcome = try await kumactl("generate", "user-token")
      #expect(outcome.status == 1)
      #expect(outcome.errors == "Error: required flag(s) \"name\", \"valid-for\" not set\n")
      let key = try await kumactl("generate", "signing-key", "--format", "der")
      #expect(key.status == 1)
      #expect(key.errors == "Error: invalid format \"der\". Available values: pem-base64, pem\n")
      let path = try await kumactl("generate", "public-key")
      #expect(path.errors == "Error: required flag(s) \"signing-key-path\" not set\n")
    }
  }

  @Test("are asked of the control plane, which signs with its newest key") func online() async throws {
    try await withKey { _, key, ring in
      var keys = KeyRing()
      let data = Array(key.privatePEM.utf8)
      keys.add(secret: SecretName.dataplaneTokenSigningKey(mesh: "demo", "7"), mesh: "demo", data: data)
      keys.add(secret: SecretName.userTokenSigningKey("7"), mesh: "", data: data)
      let issuer = TokenIssuer(
        issuesDataplaneTokens: true, issuesUserTokens: true, keys: { [keys] in keys }, prepare: { _ in })
      try await CommandTests().withControlPlane(tokens: issuer) { kumactl, _, requests in
        let made = try await kumactl(
          "generate", "dataplane-token", "--mesh", "demo", "--tag", "kuma.io/service=web,web-api", "--valid-for",
          "1h30m")
        #expect(made.status == 0 && made.errors.isEmpty, "\(made.errors)")
        let token = try ring.verifyDataplaneToken(made.output, mesh: "demo", now: .now).get()
        #expect(token.claims == DataplaneClaims(mesh: "demo", tags: ["kuma.io/service": ["web", "web-api"]]))
        #expect(token.stamp.expires.seconds - token.stamp.issued.seconds == 5400)
        let user = try await kumactl("generate", "user-token", "--name", "ann", "--group", "a", "--valid-for", "1h")
        #expect(try ring.verifyUserToken(user.output, now: .now).get().user.name == "ann")
        #expect(requests() == ["POST /tokens/dataplane", "POST /tokens/user"])

        let old = try await kumactl(
          "generate", "dataplane-token", "-m", "demo", "--type", "ingress", "--valid-for", "1h")
        #expect(old.errors == "Flag --type has been deprecated, please use --proxy-type instead\n")
        #expect(try ring.verifyDataplaneToken(old.output, mesh: "demo", now: .now).get().claims.proxyType == "ingress")

        let none = try await kumactl("generate", "dataplane-token", "--mesh", "other", "--valid-for", "1h")
        #expect(none.status == 1 && none.output.isEmpty)
        #expect(
          none.errors.hasPrefix(
            "Error: Signing Key not found (there is no signing key with KID 1. "
              + "Secret of name \"dataplane-token-signing-key-other-1\" in mesh \"other\" is not found."),
          "\(none.errors)")
        let wrong = try await kumactl(
          "generate", "dataplane-token", "--mesh", "demo", "--proxy-type", "x", "--valid-for", "1h")
        #expect(wrong.errors.contains("* type: x is not a valid proxy type"), "\(wrong.errors)")
      }
    }
  }

  @Test(
    "need keys, which are made as text, or as what the data of a secret are: the same text in base64",
    arguments: ["pem", "pem-base64"])
  func keys(format: String) async throws {
    try await KumactlProcess.withHome { kumactl in
      let made = try await kumactl("generate", "signing-key", "--format", format)
      #expect(made.status == 0 && made.errors.isEmpty)
      #expect(made.output.hasSuffix("-----END RSA PRIVATE KEY-----\n") == (format == "pem"))
      #expect(made.output.contains("\n") == (format == "pem"))
      let bytes = try #require(format == "pem" ? Array(made.output.utf8) : Base64.decode(made.output))
      #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("-----BEGIN RSA PRIVATE KEY-----\n"))
      var ring = KeyRing()
      #expect(ring.add(secret: "user-token-signing-key-2", mesh: "", data: bytes) == nil)
      #expect(ring.newestSigningKey(mesh: "")?.id == "2")
    }
  }
}
