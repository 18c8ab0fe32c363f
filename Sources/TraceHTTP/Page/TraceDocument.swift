import TraceModel

/// A trace as one HTML file with the page's code and the data. A browser opens it from a disk, and it loads nothing else.
///
/// The content security policy allows no other files, so the modules of the page become functions in one script. The policy has a random
/// nonce, so that text from a span cannot run as a script even if escaping failed.
enum TraceDocument {
  /// `standalone.js` and the modules that it needs, each after its imports.
  static let modules: [String] = {
    var modules: [String] = []
    func add(_ name: String) {
      for match in text(of: name).matches(of: imports) { add(String(match.output.2)) }
      if !modules.contains(name) { modules.append(name) }
    }
    add("standalone.js")
    return modules
  }()

  /// Matches an import: the names, and the module.
  private static var imports: Regex<(Substring, Substring, Substring)> {
    /import\s*\{([^}]*)\}\s*from\s*"\.\/([^"]+)";/
  }

  private static func text(of module: String) -> String {
    module == "standalone.js" ? PageFiles.standalone.text : PageFiles.assets[module]?.text ?? ""
  }

  private static let styles = ["app.css", "views.css"]

  /// The file. `tree` is the answer of `/api/trees/{id}`.
  static func html(id: TraceID, tree: [UInt8]) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    let nonce = Hexadecimal.text(random.next() as UInt64) + Hexadecimal.text(random.next() as UInt64)
    var html: [UInt8] = []
    func add(_ text: String) { html.append(contentsOf: text.utf8) }
    add(
      """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-\(nonce)'; \
      style-src 'nonce-\(nonce)'; img-src data:; base-uri 'none'; form-action 'none'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>Trace \(id)</title>
      <style nonce="\(nonce)">
      \(styles.compactMap { PageFiles.assets[$0]?.text }.joined())</style>
      </head>
      <body>
      <header class="top"><span class="brand"><b>kuma-trace</b></span>
      <button type="button" class="quiet help" id="help" aria-label="Keys" title="Keys (?)">?</button></header>
      <main id="main" tabindex="-1"></main>
      <p id="status" class="hidden-text" role="status"></p>
      <script type="application/json" id="trace">
      """)
    html.append(contentsOf: escaped(tree))
    add("</script>\n<script nonce=\"\(nonce)\" type=\"module\">\n")
    add(script)
    add("</script>\n</body>\n</html>\n")
    return html
  }

  /// JSON in which `&`, `<` and `>` are escaped, so that nothing looks like a tag. In JSON they only occur in strings.
  private static func escaped(_ json: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(json.count)
    for byte in json {
      switch byte {
      case 0x26, 0x3C, 0x3E:
        result.append(contentsOf: [0x5C, 0x75, 0x30, 0x30])
        result.append(Hexadecimal.digits[Int(byte >> 4)])
        result.append(Hexadecimal.digits[Int(byte & 15)])
      default: result.append(byte)
      }
    }
    return result
  }

  /// All modules as one script.
  static let script: String = {
    var script = "const modules = {};\n"
    for name in modules {
      script += "modules[\"\(name)\"] = (() => {\n\(body(of: text(of: name)))})();\n"
    }
    return script
  }()

  /// A module as the body of a function, which returns the exports.
  private static func body(of module: String) -> String {
    var exports: [Substring] = []
    var body = module.replacing(imports) { match in
      "const {\(match.output.1)} = modules[\"\(match.output.2)\"];"
    }
    body.replace(/(^|\n)export (async function|function|class|const) (\w+)/) { match in
      exports.append(match.output.3)
      return "\(match.output.1)\(match.output.2) \(match.output.3)"
    }
    return body + "return { \(exports.joined(separator: ", ")) };\n"
  }
}
