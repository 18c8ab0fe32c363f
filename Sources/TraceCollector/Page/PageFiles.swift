/// The files of the page. They are part of the program, so that it needs no directory beside it, and they are served as
/// they stand: there is no build step. Each lies in a file of its own beside this one.
enum PageFiles {
  /// A file as it is sent.
  struct File: Sendable {
    let content: [UInt8]
    let type: String
    /// Changes when the content does, so that browsers ask for it without getting it again.
    let entityTag: String

    init(_ content: String, type: String) {
      self.content = Array(content.utf8)
      self.type = type
      // FNV-1a: nobody gains anything from a collision.
      var hash: UInt64 = 0xcbf2_9ce4_8422_2325
      for byte in self.content { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
      entityTag = "\"\(Hexadecimal.text(hash))\""
    }
  }

  /// The page itself.
  static let page = File(html, type: "text/html; charset=utf-8")

  /// What lies under `/assets/`, by name.
  static let assets: [String: File] = sources.mapValues { File($0.content, type: $0.type) }

  private static let script = "text/javascript; charset=utf-8"

  private static let sources: [String: (content: String, type: String)] = [
    "icon.svg": (icon, "image/svg+xml"),
    "app.css": (style, "text/css; charset=utf-8"),
    "app.js": (appScript, script),
    "dom.js": (domScript, script),
    "plot.js": (plotScript, script),
    "search.js": (searchScript, script),
    "start.js": (startScript, script),
    "timeline.js": (timelineScript, script),
    "trace.css": (traceStyle, "text/css; charset=utf-8"),
    "trace.js": (traceScript, script),
    "details.js": (detailsScript, script),
  ]
}
