import MeshModel
import Testing

@Suite("Hosts")
struct HostRulesTests {
  @Test(
    "Names and addresses of the machine itself",
    arguments: [
      "localhost", "LOCALHOST", "localhost.", "collector.localhost", "127.0.0.1", "127.255.0.9", "::1",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1", "0.0.0.0", "::",
    ])
  func loopback(host: String) { #expect(HostRules.isLoopback(host)) }

  @Test(
    "Other names and addresses",
    arguments: [
      "", ".", "localhost.example", "mylocalhost", "127.example", "128.0.0.1", "0.0.0.1", "::2",
      "::ffff:10.0.0.1",
      "fe80::1", "127.0.0.1.nip.io",
    ])
  func elsewhere(host: String) { #expect(!HostRules.isLoopback(host)) }
}
