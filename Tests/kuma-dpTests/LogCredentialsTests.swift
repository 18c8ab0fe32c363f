import Testing

@testable import kuma_dp

@Suite("Envoy's log")
struct LogCredentialsTests {
  private static let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJOYW1lIjoid2ViIn0.c2ln-bmF0_dXJl"

  @Test(
    "has no credentials, in any of the forms in which Envoy writes headers",
    arguments: [
      ("'authorization', '\(token)'", "'authorization', '***'"),
      ("'Authorization', 'Bearer b'c'", "'Authorization', '***'"),
      ("'proxy-authorization', 'Basic dQ=='", "'proxy-authorization', '***'"),
      ("'cookie', 'a=b; c=d'", "'cookie', '***'"), ("'set-cookie', 'a=b'", "'set-cookie', '***'"),
      ("[C1] completed header: key=authorization value=x y", "[C1] completed header: key=authorization value=***"),
      (#"h { key: "authorization" value: "x" } n: "y""#, #"h { key: "authorization" value: "***" } n: "y""#),
      (#"{"key":"authorization","value":"x"},{"a":"b"}"#, #"{"key":"authorization","value":"***"},{"a":"b"}"#),
      (#"{"key": "cookie", "value": "x"}"#, #"{"key": "cookie", "value": "***"}"#),
      ("  value: \"\(token)\"", "  value: \"***\""),
      ("  value: \"Bearer abcdefghijklmnop\"", "  value: \"Bearer ***\""),
      ("a \(token) and \(token), b", "a *** and ***, b"), ("cut \(token.prefix(30))", "cut ***"),
    ])
  func masked(line: String, shown: String) {
    #expect(LogCredentials.masked(line) == shown)
  }

  @Test(
    "has all other lines as they are",
    arguments: [
      "", "e", "a", "[2026-01-01 00:00:00.000][1][debug][router] ':path', '/bearer/cookie'",
      "authorization of the request failed", "'x-authorization-time', '5'", "eyJ short", "Bearer token",
      "'grüße', 'ä'", "cookie value", "authorization",
    ])
  func untouched(line: String) {
    #expect(LogCredentials.masked(line) == line)
  }
}
