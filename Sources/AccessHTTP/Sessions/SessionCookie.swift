import HTTPTypes

/// The cookie by which a browser shows a session (https://www.rfc-editor.org/rfc/rfc6265).
///
/// Scripts cannot read it, and browsers do not send it with requests of other sites. With TLS its name begins with `__Host-`: then
/// browsers accept it only over TLS, for all paths, and not from a server of another name.
enum SessionCookie {
  /// The name of the cookie.
  static func name(isSecure: Bool) -> String { isSecure ? "__Host-kuma-trace-session" : "kuma-trace-session" }

  /// The value of `Set-Cookie` that gives a session to a browser.
  static func setting(_ id: SessionSecret, isSecure: Bool) -> String {
    "\(name(isSecure: isSecure))=\(id.text); \(attributes(isSecure: isSecure))"
  }

  /// The value of `Set-Cookie` that takes the session from a browser.
  static func removal(isSecure: Bool) -> String {
    "\(name(isSecure: isSecure))=; Max-Age=0; \(attributes(isSecure: isSecure))"
  }

  private static func attributes(isSecure: Bool) -> String {
    "Path=/; HttpOnly; SameSite=Strict\(isSecure ? "; Secure" : "")"
  }

  /// The session that a request shows; nil if it shows none, or two: then one of them is not ours.
  static func session(in request: HTTPRequest, isSecure: Bool) -> SessionSecret? {
    let name = name(isSecure: isSecure)
    var found: SessionSecret?
    for field in request.headerFields[values: .cookie] {
      for pair in field.split(separator: ";") {
        let pair = pair.drop { $0 == " " }
        guard let equals = pair.firstIndex(of: "="), pair[..<equals] == name else { continue }
        guard found == nil, let secret = SessionSecret(pair[pair.index(after: equals)...]) else { return nil }
        found = secret
      }
    }
    return found
  }
}
