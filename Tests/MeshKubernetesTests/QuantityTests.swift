import MeshKubernetes
import Testing

@Suite("Amounts of resources")
struct QuantityTests {
  @Test(
    "are read as a cluster writes them",
    arguments: [
      ("0", 0), ("1", 1), ("1000m", 1), ("1999m", 1), ("3500m", 3), ("2.5", 2), (".5", 0), ("1.", 1), ("1k", 1_000),
      ("64Mi", 67_108_864), ("1Gi", 1_073_741_824), ("50M", 50_000_000), ("1e3", 1_000), ("5E-1", 0),
      ("1E", 1_000_000_000_000_000),
      ("500000u", 0), ("2000000000n", 2),
    ])
  func read(text: String, units: Int) {
    #expect(Quantity(text)?.wholeUnits == units)
    #expect(Quantity(text)?.text == text)
  }

  @Test(
    "are not read from other text",
    arguments: [
      "", "m", ".", "1.2.3", "one", "1 Gi", "1gi", "-1", "+1", "1e", "1e99", "1ee", "0x10", "１",
      String(repeating: "9", count: 40),
    ])
  func refused(text: String) { #expect(Quantity(text) == nil) }
}
