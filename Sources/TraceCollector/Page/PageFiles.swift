/// The files of the page. They are part of the program, so that it needs no directory beside it.
enum PageFiles {
  static let script = "text/javascript; charset=utf-8"

  /// What lies under `/assets/`.
  static let assets: [String: (content: String, type: String)] = [
    "app.css": (css, "text/css; charset=utf-8")
  ]
  static let html = ""
  static let css = ""
}
