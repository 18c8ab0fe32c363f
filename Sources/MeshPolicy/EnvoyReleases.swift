/// Releases of Envoy after the first one of each branch, and the security fixes that their notes name.
///
/// Only what a published note says is here: a release whose note nobody has read is listed without fixes, and does not count as one
/// without fixes. `docs/envoy-security.md` shows the table and says how a row is added; a test compares the two.
package struct EnvoyReleases: Sendable {
  /// A release.
  package struct Release: Sendable, Hashable {
    /// Its version.
    package var version: EnvoyVersion
    /// The day of its publication, as in RFC 3339: `2026-06-23`.
    package var published: String
    /// The identifiers of the security fixes that its note names (CVE, or GHSA where there is none), sorted; `nil` where the note
    /// was not read.
    package var fixes: [String]?
    /// The address of the note that was read; empty where none was.
    package var source: String
  }

  /// The day on which the table was last brought up to date.
  package var date: String
  /// The releases, the oldest of each branch first.
  package var releases: [Release]
  /// The last day of support of a branch, by its minor version.
  /// Source: Envoy's RELEASES.md.
  package var supportEnds: [Int: String]

  /// Makes a table.
  package init(date: String, releases: [Release], supportEnds: [Int: String] = [:]) {
    self.date = date
    self.releases = releases
    self.supportEnds = supportEnds
  }

  /// The table of this version of the program.
  package static let published = EnvoyReleases(
    date: "2026-11-29", releases: rows,
    supportEnds: [
      29: "2025-01-16", 30: "2025-04-16", 31: "2025-07-19", 32: "2025-10-15", 33: "2026-01-14", 34: "2026-04-15",
      35: "2026-07-23", 36: "2026-10-14", 37: "2027-01-13", 38: "2027-04-23", 39: "2027-07-14",
    ])

  private static let rows =
    ([
      read(
        "1.36.3", "2025-12-04", december2025,
        "https://newreleases.io/project/github/envoyproxy/envoy/release/v1.36.3"),
      unread("1.36.4", "2025-12-10"),
      read(
        "1.36.5", "2026-03-10", march2026, "\(files)/c2152b027f97765e9cc1739db84592b5a1702192/changelogs/1.36.5.yaml"),
      read("1.36.6", "2026-04-10", [], "\(files)/c2152b027f97765e9cc1739db84592b5a1702192/changelogs/1.36.6.yaml"),
      read(
        "1.36.7", "2026-06-03", headers2026,
        "\(files)/3b085928c67de0d68c8d4849e45e3ae7649f9648/changelogs/1.36.7.yaml"),
      unread("1.36.8", "2026-06-10"),
      read(
        "1.36.9", "2026-06-23", june2026, "\(files)/cd65f011cee316c3e4ffcac83e69f64c3c518516/changelogs/1.36.9.yaml"),
      read(
        "1.36.10", "2026-08-26", august2026,
        "\(files)/9f75e85226397db4d85714af81d982de0331d69a/changelogs/1.36.10.yaml"),
      read(
        "1.36.11", "2026-10-01", certificates2026,
        "\(files)/ba0ca863600e77e6499febf5d02dc3e3d91526a6/changelogs/1.36.11.yaml"),
      read("1.36.12", "2026-10-06", october2026, "\(tags)/v1.36.12"),
      unread("1.36.13", "2026-10-12"),
      read(
        "1.37.1", "2026-03-11", march2026, "\(files)/6fd0c55ce49bd1fc5a776dbe10caf8cd51c25f55/changelogs/1.37.1.yaml"),
      read("1.37.2", "2026-04-10", [], "\(files)/0bd17f59d089bdc5e7ca47e87f631cfb1bc7e7b1/changelogs/1.37.2.yaml"),
      read(
        "1.37.3", "2026-06-04", headers2026,
        "https://www.envoyproxy.io/docs/envoy/v1.38.1/_sources/version_history/v1.37/v1.37.3.rst.txt"),
      read("1.37.4", "2026-06-10", [], "\(files)/fa6ae396744e384a078a20f9c5cfe593dcbe1883/changelogs/1.37.4.yaml"),
      read(
        "1.37.5", "2026-06-23", june2026WithFormatter,
        "\(files)/fc5adc35912446e4c916b5cf134817d4b4c6b6ea/changelogs/1.37.5.yaml"),
      read(
        "1.37.6", "2026-08-26", august2026,
        "\(files)/72ac88a153c20315732fceddb5b72e5d35b6df6a/changelogs/1.37.6.yaml"),
      read(
        "1.37.7", "2026-10-01", certificates2026,
        "\(files)/95a47be599e9dd8ec400fc40e4d03df8e86d9135/changelogs/1.37.7.yaml"),
      read("1.37.8", "2026-10-06", october2026, "\(tags)/v1.37.8"),
      unread("1.37.9", "2026-10-12"),
      unread("1.37.10", "2026-10-22"),
      unread("1.37.11", "2026-10-26"),
      read(
        "1.38.1", "2026-06-04", headers2026,
        "\(files)/fc5adc35912446e4c916b5cf134817d4b4c6b6ea/changelogs/1.38.1.yaml"),
      read("1.38.2", "2026-06-11", [], "\(files)/24075eecb0322df90f9508f5d2660a07d1a99c87/changelogs/1.38.2.yaml"),
      read(
        "1.38.3", "2026-06-23", june2026WithFormatter,
        "\(files)/fc5adc35912446e4c916b5cf134817d4b4c6b6ea/changelogs/1.38.3.yaml"),
      read(
        "1.38.4", "2026-08-26", august2026,
        "\(files)/6df0682ffca237415d71ccf96831e234aca161a1/changelogs/1.38.4.yaml"),
      read(
        "1.38.5", "2026-10-01", certificates2026,
        "\(files)/018f6bf01f30dd46f4f1baffb40802598ed07b27/changelogs/1.38.5.yaml"),
      unread("1.38.6", "2026-10-06"),
      unread("1.38.7", "2026-10-12"),
      unread("1.38.8", "2026-10-22"),
      unread("1.38.9", "2026-10-26"),
      read(
        "1.39.1", "2026-08-27", august2026,
        "\(files)/8e0dfe1c8d1ff8db732cd3edcfa2ddca9dcee184/changelogs/1.39.1.yaml"),
      read(
        "1.39.2", "2026-10-01", certificates2026,
        "\(files)/37554985a6a119f7574b208dce10a678f1ebea0a/changelogs/1.39.2.yaml"),
      read("1.39.3", "2026-10-06", october2026, "\(tags)/v1.39.3"),
      unread("1.39.4", "2026-10-12"),
      unread("1.39.5", "2026-10-22"),
      unread("1.39.6", "2026-10-26"),
      unread("1.40.1", "2026-10-23"),
      unread("1.40.2", "2026-10-27"),
    ] as [Release?]).compactMap { $0 }

  private static let files = "https://github.com/envoyproxy/envoy/blob"
  private static let tags = "https://github.com/envoyproxy/envoy/releases/tag"

  // The same fixes are published in several branches at once.
  private static let december2025 = ["CVE-2025-64527", "CVE-2025-64763", "CVE-2025-66220"]
  // The notes of 1.36.5 and 1.37.1 describe these fixes without their identifiers; those are in the note of 1.35.9, which has the
  // same sentences, and in the advisories, which name the releases.
  private static let march2026 = [
    "CVE-2026-26308", "CVE-2026-26309", "CVE-2026-26310", "CVE-2026-26311", "CVE-2026-26330",
  ]
  private static let headers2026 = ["CVE-2026-27135", "CVE-2026-47774"]
  private static let june2026 = [
    "CVE-2026-47204", "CVE-2026-47205", "CVE-2026-47207", "CVE-2026-47221", "CVE-2026-47261", "CVE-2026-47692",
    "CVE-2026-47775", "CVE-2026-47778", "CVE-2026-48042", "CVE-2026-48044", "CVE-2026-48090", "CVE-2026-48497",
    "CVE-2026-48706", "CVE-2026-48743", "GHSA-p7c7-7c47-pwch",
  ]
  // Branch 1.36 does not have the fault in the formatter.
  private static let june2026WithFormatter = (june2026 + ["CVE-2026-47220"]).sorted()
  private static let august2026 = [
    "CVE-2026-48521", "CVE-2026-50572", "CVE-2026-73511", "CVE-2026-73512", "CVE-2026-73513", "CVE-2026-73546",
    "CVE-2026-73547", "CVE-2026-73548", "CVE-2026-73549", "CVE-2026-73550", "CVE-2026-73551", "CVE-2026-73552",
    "CVE-2026-73553",
  ]
  private static let certificates2026 = ["CVE-2026-35189"]
  private static let october2026 = ["GHSA-47vj-9r25-wv5j", "GHSA-8vc2-jrm4-835w"]

  private static func read(_ version: String, _ published: String, _ fixes: [String], _ source: String) -> Release? {
    EnvoyVersion(version).map { Release(version: $0, published: published, fixes: fixes, source: source) }
  }

  private static func unread(_ version: String, _ published: String) -> Release? {
    EnvoyVersion(version).map { Release(version: $0, published: published, fixes: nil, source: "") }
  }
}

/// The version of a release of Envoy.
package struct EnvoyVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  package var major: Int
  package var minor: Int
  package var patch: Int

  /// Parses the version of a release: `1.38.3`, or `1.38.3-contrib` for the build with more extensions. `nil` for any other, such as
  /// that of a development build, which may or may not have a fix.
  package init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let major = Self.number(parts[0]), let minor = Self.number(parts[1]) else { return nil }
    let last = parts[2].hasSuffix("-contrib") ? parts[2].dropLast("-contrib".count) : parts[2]
    guard let patch = Self.number(last) else { return nil }
    (self.major, self.minor, self.patch) = (major, minor, patch)
  }

  private static func number(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } ? Int(text) : nil
  }

  /// Whether two versions are of the same branch, for which fixes are published together.
  package func isOfBranch(of other: EnvoyVersion) -> Bool { (major, minor) == (other.major, other.minor) }

  /// `1.38.3`.
  package var description: String { "\(major).\(minor).\(patch)" }

  /// By time of publication within a branch.
  package static func < (a: EnvoyVersion, b: EnvoyVersion) -> Bool {
    (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
  }
}
