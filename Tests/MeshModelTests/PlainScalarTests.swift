import Testing
import Yams

@testable import MeshModel

@Suite("Unquoted YAML scalars")
struct PlainScalarTests {
  @Test(
    "are what the library's resolver takes them for",
    arguments: [
      "", "~", "null", "Null", "NULL", "nULL", "true", "True", "TRUE", "tRUE", "false", "yes", "Yes", "YES", "no", "on",
      "On", "off", "OFF", "y", "n", "0", "7", "-7", "+7", "007", "08", "1_000", "0x1F", "0o17", "0b11", "1:30", "1.5",
      "-1.5e3", ".5", ".inf", "-.INF", ".nan", ".", "..", "-", "+", "1e3", "1.2.3", "127.0.0.1", "2024-01-31",
      "2024-01-31T10:00:00Z", "999999999999999999", "9999999999999999999", "<<", "<", "=", "==", "text", "Nullable",
      "trueish", "é", "١",
    ])
  func tags(_ text: String) {
    #expect(PlainScalar.tag(of: text) == Resolver.default.resolveTag(of: .scalar(Node.Scalar(text))))
  }

  @Test("keep the tag that is written")
  func written() throws {
    let documents = try DocumentValue.yamlDocuments("a: !!str 5\nb: !!int 5\nc: 5\nd: '5'\n<<: {e: yes}\n")
    #expect(documents.first?.json() == #"{"a":"5","b":5,"c":5,"d":"5","e":true}"#)
  }
}
