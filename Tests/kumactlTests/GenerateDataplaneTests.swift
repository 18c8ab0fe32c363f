import Testing

@Suite("kumactl generate dataplane") struct GenerateDataplaneTests {
  @Test("generate a Dataplane that applies")
  func generateDataplane() async throws {
    try await CommandTests().withControlPlane { kumactl, _, _ in
      #expect(try await kumactl("apply", "-f", "-", input: "type: Mesh\nname: default").status == 0)
      let common = ["generate", "dataplane", "--name", "web-1", "--service", "web"]
      let made = try await kumactl.run(
        common + [
          "--address", "192.0.2.3", "--port", "10080", "--service-port", "8080", "--outbound", "api:20001",
          "--outbound", "db:20002", "--tag", "version=2", "--admin-port", "9901",
        ])
      #expect(
        made.output == """
          type: Dataplane
          mesh: default
          name: web-1
          networking:
            address: 192.0.2.3
            inbound:
            - port: 10080
              servicePort: 8080
              serviceAddress: 127.0.0.1
              tags:
                kuma.io/protocol: http
                kuma.io/service: web
                version: "2"
            outbound:
            - port: 20001
              tags:
                kuma.io/service: api
            - port: 20002
              tags:
                kuma.io/service: db
            admin:
              port: 9901

          """)
      #expect(try await kumactl("apply", "-f", "-", input: made.output).status == 0)
      #expect(try await kumactl("get", "dataplane", "web-1", "-o", "json").output.contains("192.0.2.3"))

      let refusals: [([String], String)] = [
        (
          ["--address", "127.0.0.1", "--port", "8080"], "the proxy and the service cannot both listen at 127.0.0.1:8080"
        ),
        (["--address", "0.0.0.0", "--port", "80", "--service-port", "81"], "networking.address: must not be 0.0.0.0"),
        (["--address", "192.0.2.3", "--port", "0"], "--port: 0 is not a port"),
        (
          ["--address", "192.0.2.3", "--port", "80", "--outbound", "api"],
          "--outbound \"api\" is not a service and a port"
        ),
        (
          ["--address", "192.0.2.3", "--port", "80", "--protocol", "smtp"],
          "tag \"kuma.io/protocol\" has an invalid value"
        ),
        (["--address", "192.0.2.3", "--port", "80", "--tag", "kuma.io/service=x"], "is set by --service"),
        (
          ["--address", "192.0.2.3", "--port", "80", "--tag", "a=1", "--tag", "a=2"],
          "--tag a=2: the tag has the value \"1\" already"
        ),
        (
          ["--address", "192.0.2.3", "--port", "80", "--outbound", "api:81", "--outbound", "db:81"],
          "--outbound db:81: --outbound api:81 listens at 127.0.0.1:81 already"
        ),
        (
          ["--address", "192.0.2.3", "--port", "80", "--outbound", "api:80"],
          "--outbound api:80: the service itself listens at 127.0.0.1:80 already"
        ),
        (
          ["--address", "127.0.0.1", "--port", "80", "--service-port", "81", "--outbound", "api:80"],
          "--outbound api:80: the proxy itself listens at 127.0.0.1:80 already"
        ),
      ]
      for (flags, words) in refusals {
        let refused = try await kumactl.run(common + flags)
        #expect(refused.status == 1 && refused.output.isEmpty && refused.errors.contains(words), "\(refused.errors)")
      }
    }
  }
}
