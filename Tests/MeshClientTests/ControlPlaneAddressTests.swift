import MeshClient
import Testing

@Suite("Addresses of control planes")
struct ControlPlaneAddressTests {
  @Test(
    "are taken apart",
    arguments: [
      ("http://localhost:5681", "localhost", 5681, false), ("https://cp", "cp", 443, true),
      ("http://cp/", "cp", 80, false),
      ("http://[::1]:5681", "::1", 5681, false), ("http://[::1]", "::1", 80, false),
      ("HTTPS://Example.com:5682/kuma/", "Example.com", 5682, true),
    ])
  func parse(text: String, host: String, port: Int, isSecure: Bool) throws {
    let address = try ControlPlaneAddress(text)
    #expect(address.host == host)
    #expect(address.port == port)
    #expect(address.isSecure == isSecure)
    #expect(!address.description.hasSuffix("/"))
  }

  @Test(
    "are refused, and the error names them, with what may be secret masked",
    arguments: [
      "", "not-a-url", "localhost:5681", "ftp://localhost", "http://", "http://:5681", "http://h:0", "http://h:65536",
      "http://h:x", "http://h:", "http://[::1", "http://[::1]x", "http://user@h", "http://h?x=1", "http://h/#x",
      "http://h h",
      "http://h\"", "http://hö",
    ])
  func refuse(text: String) {
    let error = #expect(throws: ControlPlaneError.self) { try ControlPlaneAddress(text) }
    #expect(error?.code == .invalidAddress)
    let shown = text.replacing("user@", with: "***@").replacing("#x", with: "#***")
    #expect(error?.description.contains("\"\(shown)\"") == true)
  }
}
