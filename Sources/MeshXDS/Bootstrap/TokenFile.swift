import MeshModel

/// The file with the token of a proxy. Envoy reads it again when it has changed, so a stream that opens later shows the newest
/// token: the kubelet renews those of pods every hour or so.
struct TokenFile {
  private let path: String
  private let folder: String

  /// Takes a file.
  ///
  /// - Parameter envoy: the version of Envoy.
  /// - Returns: `nil` for an Envoy that cannot read the token from a file, and for a path that it cannot watch.
  init?(_ path: String, envoy: String) {
    guard Self.canRead(envoy), path.first == "/", let slash = path.lastIndex(of: "/"), slash != path.startIndex,
      // These separate the parts of the expression.
      !path.contains(where: { ":()%".contains($0) || !$0.isASCII || $0.isNewline })
    else { return nil }
    self.path = path
    folder = String(path[..<slash])
  }

  /// Whether an Envoy of a version has a formatter for the content of files: 1.40, of which this is known, and later ones.
  private static func canRead(_ version: String) -> Bool {
    let parts = version.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
    guard parts.count == 2 else { return false }
    return parts[0] > 1 || parts[0] == 1 && parts[1] >= 40
  }

  /// The filters of the cluster of the control plane. Source: Envoy 1.40. Only upstream filters take formatters; the metadata of
  /// a gRPC service does not.
  var filters: DocumentValue {
    [
      [
        "name": "envoy.filters.http.header_mutation",
        "typedConfig": [
          "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
          "mutations": [
            "formatters": [
              [
                "name": "envoy.formatter.file_content",
                "typedConfig": ["@type": "type.googleapis.com/envoy.extensions.formatter.file_content.v3.FileContent"],
              ]
            ],
            "requestMutations": [
              [
                "append": [
                  "appendAction": "OVERWRITE_IF_EXISTS_OR_ADD",
                  // The kubelet replaces a link in the folder, not the file.
                  "header": ["key": "authorization", "value": .string("%FILE_CONTENT(\(path):\(folder))%")],
                ]
              ]
            ],
          ],
        ],
      ],
      [
        "name": "envoy.filters.http.upstream_codec",
        "typedConfig": [
          "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
        ],
      ],
    ]
  }
}
