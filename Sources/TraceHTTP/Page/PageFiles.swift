import Deflate
import StableHash
import TraceModel

/// The files of the page. They are embedded in the program and served unchanged, without a build step. Their sources are in this
/// directory.
enum PageFiles {
  /// A file with its headers and compressed content.
  struct File: Sendable {
    let content: [UInt8]
    let type: String
    /// A hash of the content, with which browsers revalidate the file.
    let entityTag: String
    /// The content as gzip; nil if compression failed.
    let packed: [UInt8]?

    init(_ content: [UInt8], type: String) {
      self.content = content
      self.type = type
      packed = try? Gzip.compress(content)
      entityTag = "\"\(Hexadecimal.text(FNV1a.hash(content)))\""
    }

    var text: String { String(decoding: content, as: UTF8.self) }
  }

  /// Whether `Accept-Encoding` allows gzip.
  static func takesGzip(_ encodings: String?) -> Bool {
    (encodings ?? "").lowercased().split(separator: ",").contains { encoding in
      let parts = encoding.split(separator: ";").map { $0.filter { $0 != " " } }
      guard parts.first == "gzip" || parts.first == "*" else { return false }
      return !parts.dropFirst().contains { $0.hasPrefix("q=0") && !$0.contains { ("1"..."9").contains($0) } }
    }
  }

  /// The page itself.
  static let page = File(PackageResources.index_html, type: "text/html; charset=utf-8")

  /// The files below `/assets/`, by name.
  static let assets: [String: File] = [
    "icon.svg": File(PackageResources.icon_svg, type: "image/svg+xml"),
    "app.css": style(PackageResources.app_css),
    "views.css": style(PackageResources.views_css),
    "app.js": script(PackageResources.app_js),
    "canary.js": script(PackageResources.canary_js),
    "compare.js": script(PackageResources.compare_js),
    "details.js": script(PackageResources.details_js),
    "dom.js": script(PackageResources.dom_js),
    "file.js": script(PackageResources.file_js),
    "filters.js": script(PackageResources.filters_js),
    "format.js": script(PackageResources.format_js),
    "graph.js": script(PackageResources.graph_js),
    "hands.js": script(PackageResources.hands_js),
    "keys.js": script(PackageResources.keys_js),
    "layout.js": script(PackageResources.layout_js),
    "list.js": script(PackageResources.list_js),
    "mesh.js": script(PackageResources.mesh_js),
    "model.js": script(PackageResources.model_js),
    "plot.js": script(PackageResources.plot_js),
    "privacy.js": script(PackageResources.privacy_js),
    "search.js": script(PackageResources.search_js),
    "search-keys.js": script(PackageResources.search_keys_js),
    "search-state.js": script(PackageResources.search_state_js),
    "search-view.js": script(PackageResources.search_view_js),
    "senders.js": script(PackageResources.senders_js),
    "services.js": script(PackageResources.services_js),
    "session.js": script(PackageResources.session_js),
    "sign-in.js": script(PackageResources.sign_in_js),
    "start.js": script(PackageResources.start_js),
    "timeline.js": script(PackageResources.timeline_js),
    "trace.js": script(PackageResources.trace_js),
    "waterfall.js": script(PackageResources.waterfall_js),
    "waterfall-keys.js": script(PackageResources.waterfall_keys_js),
    "waterfall-state.js": script(PackageResources.waterfall_state_js),
    "waterfall-view.js": script(PackageResources.waterfall_view_js),
  ]

  /// The entry point of an exported trace; see ``TraceDocument``.
  static let standalone = script(PackageResources.standalone_js)

  private static func script(_ content: [UInt8]) -> File { File(content, type: "text/javascript; charset=utf-8") }

  private static func style(_ content: [UInt8]) -> File { File(content, type: "text/css; charset=utf-8") }
}
