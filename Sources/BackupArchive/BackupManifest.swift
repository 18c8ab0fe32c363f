package import Documents

/// What a backup holds: its first file, `backup.json`.
package struct BackupManifest: Sendable, Hashable {
  /// A file that a backup can hold, by its name.
  package enum Part: String, Sendable, Hashable, CaseIterable {
    /// The resources, as a database of SQLite whatever store they come from.
    case resources = "kuma.db"
    /// The spans, as a database of SQLite.
    case traces = "traces.db"
    /// The id of the store.
    case clusterID = "cluster-id"
    /// The certificate authority that proxies trust.
    case certificate = "kuma-cp.crt"
    /// Its key.
    case key = "kuma-cp.key"

    /// What it is, in messages.
    package var noun: String {
      switch self {
      case .resources: "resources"
      case .traces: "traces"
      case .clusterID: "id of the store"
      case .certificate: "certificate authority"
      case .key: "key of the certificate authority"
      }
    }

    /// Who can read it where a control plane keeps it, further limited by the umask of the process: its owner alone, if it has
    /// secrets.
    var mode: UInt32 {
      switch self {
      case .resources, .traces, .key: 0o600
      case .clusterID, .certificate: 0o644
      }
    }
  }

  /// A file.
  package struct Content: Sendable, Hashable {
    package var part: Part
    /// The newest version of the schema; empty for files without one.
    package var schema: String

    package init(part: Part, schema: String = "") {
      self.part = part
      self.schema = schema
    }
  }

  /// The version of the archive's own form. A new one is needed if an older program would misread the archive.
  package static let format: Int64 = 1
  /// The name of the manifest in an archive.
  static let name = "backup.json"
  private static let product = "kuma-trace"

  /// The version of the program that wrote it.
  package var version: String
  /// When it was written.
  package var created: Timestamp
  /// The kind of the store that had the resources.
  package var store: String
  /// The files that follow, in their order.
  package var contents: [Content]

  package init(version: String, created: Timestamp, store: String, contents: [Content]) {
    self.version = version
    self.created = created
    self.store = store
    self.contents = contents
  }

  /// The manifest as JSON.
  var json: [UInt8] {
    let document: DocumentValue = [
      "product": .string(Self.product), "format": .integer(Self.format), "version": .string(version),
      "created": .string(created.description), "store": .string(store),
      "contents": .array(
        contents.map {
          ["name": .string($0.part.rawValue), "holds": .string($0.part.noun), "schema": .string($0.schema)]
        }),
    ]
    return Array((document.json(.indented(2)) + "\n").utf8)
  }

  /// Reads a manifest.
  ///
  /// - Parameter path: the backup, for messages.
  init(json bytes: [UInt8], of path: String) throws(BackupError) {
    guard let document = try? DocumentValue(json: bytes), document["product"]?.string == Self.product,
      let format = document["format"]?.number.flatMap({ Int64(exactly: $0) }), let version = document["version"]?.string
    else { throw .damaged(path, "its \(Self.name) is not that of a backup of this program") }
    guard format >= 1 else { throw .damaged(path, "its \(Self.name) has the form \(format), which there never was") }
    guard format <= Self.format else {
      throw BackupError(
        code: .newer,
        message:
          "the backup \(path) was written by version \(version.prefix(64).debugDescription), whose backups have form "
          + "\(format); this program knows form \(Self.format): restore it with that version")
    }
    guard let created = document["created"]?.string.flatMap({ Timestamp($0) }),
      let contents = document["contents"]?.array, contents.count <= Part.allCases.count
    else { throw .damaged(path, "its \(Self.name) is incomplete") }
    self.version = version
    self.created = created
    self.store = document["store"]?.string ?? ""
    self.contents = []
    for content in contents {
      guard let part = content["name"]?.string.flatMap(Part.init(rawValue:)),
        !self.contents.contains(where: { $0.part == part })
      else { throw .damaged(path, "its \(Self.name) names a file that backups do not have") }
      self.contents.append(Content(part: part, schema: content["schema"]?.string ?? ""))
    }
  }
}
