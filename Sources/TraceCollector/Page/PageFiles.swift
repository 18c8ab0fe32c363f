/// The files of the page. They are part of the program, so that it needs no directory beside it, and they are served as
/// they stand: there is no build step. Each lies in a file of its own beside this one.
enum PageFiles {
  private static let script = "text/javascript; charset=utf-8"

  /// What lies under `/assets/`, by name.
  static let assets: [String: (content: String, type: String)] = [
    "icon.svg": (icon, "image/svg+xml"),
    "app.css": (style, "text/css; charset=utf-8"),
    "app.js": (appScript, script),
    "dom.js": (domScript, script),
    "search.js": (searchScript, script),
    "start.js": (startScript, script),
    "trace.js": (traceScript, script),
    "details.js": (detailsScript, script),
  ]
}
