import Foundation
import MeshModel
import Testing

@testable import MeshPolicy

/// What is said of security fixes that were published after the version of an Envoy.
@Suite("Advice about Envoy's versions") struct EnvoyAdviceTests {
  private static let table = EnvoyReleases(
    date: "2026-11-01",
    releases: [
      release("1.38.1", ["CVE-1", "CVE-2"]), release("1.38.2", []), release("1.38.3", ["CVE-2", "CVE-3"]),
      release("1.39.1", ["CVE-3"]), release("1.39.2", nil), release("1.40.1", nil),
    ].compactMap { $0 }, supportEnds: [30: "2025-04-16"])

  private static func release(_ version: String, _ fixes: [String]?) -> EnvoyReleases.Release? {
    EnvoyVersion(version).map { EnvoyReleases.Release(version: $0, published: "2026-10-01", fixes: fixes, source: "") }
  }

  @Test(
    "what the table says of a version",
    arguments: [
      ("1.38.0", EnvoyAdvice.State.fixesPublished, 3), ("1.38.1", .fixesPublished, 2), ("1.38.2", .fixesPublished, 2),
      ("1.38.2-contrib", .fixesPublished, 2), ("1.38.3", .noneKnown, 0), ("1.39.0", .fixesPublished, 1),
      // Nobody has read what came later, or whether anything did.
      ("1.39.1", .unknown, 0), ("1.39.2", .unknown, 0), ("1.38.4", .unknown, 0), ("1.40.0", .unknown, 0),
      ("1.40.1", .unknown, 0), ("1.41.0", .unknown, 0), ("1.30.11", .unknown, 0), ("2.38.0", .unknown, 0),
      // Not versions of releases.
      ("1.38.0-dev", .unknown, 0), ("1.38", .unknown, 0), ("1.38.-1", .unknown, 0), ("1..0", .unknown, 0),
      ("1.38.99999999999999999999", .unknown, 0), ("\u{661}.38.0", .unknown, 0), ("main", .unknown, 0),
    ])
  func states(version: String, state: EnvoyAdvice.State, fixes: Int) throws {
    let advice = try #require(EnvoyAdvice(version, in: Self.table))
    #expect(advice.state == state)
    #expect(advice.fixes.count == fixes)
    #expect(!advice.sentence.isEmpty && advice.sentence.hasSuffix("."))
    if state != .noneKnown { #expect(advice.sentence.contains(version.printable(atMost: 40))) }
  }

  @Test("a fix counts once, with the first release that has it, and what was not read is named") func sentences() throws
  {
    let old = try #require(EnvoyAdvice("1.38.0", in: Self.table))
    #expect(old.fixes.map { "\($0.id) \($0.release)" } == ["CVE-1 1.38.1", "CVE-2 1.38.1", "CVE-3 1.38.3"])
    #expect(
      old.sentence
        == "Envoy 1.38.0 has 3 security fixes published after its version (CVE-1, CVE-2, CVE-3); run 1.38.3 or a later "
        + "release.")
    let partly = try #require(EnvoyAdvice("1.39.0", in: Self.table))
    #expect(
      partly.sentence
        == "Envoy 1.39.0 has 1 security fix published after its version (CVE-3); run 1.39.2 or a later release. 1.39.2 was "
        + "published later, and its notes were not read.")
    let unread = try #require(EnvoyAdvice("1.40.0", in: Self.table))
    #expect(
      unread.sentence
        == "Whether Envoy 1.40.0 lacks published security fixes is not known. 1.40.1 was published later, and its notes were "
        + "not read.")
    #expect(EnvoyAdvice("", in: Self.table) == nil, "nothing is said of a proxy that does not say its version")
    #expect(try #require(EnvoyAdvice(String(repeating: "9", count: 100_000), in: Self.table)).version.count < 100)
  }

  @Test(
    "an Envoy of which nothing is known has a note that says so, and an end of support is in the past where it is past",
    arguments: [
      ("1.38.0", "3 security fixes were published after this Envoy; run 1.38.3"),
      ("1.39.1", "Envoy 1.39.2 was published after this one; whether it has security fixes is not known"),
      (
        "1.40.1",
        "security fixes after this Envoy are not known: the table of 2026-11-01 has no later release of branch 1.40"
      ),
      ("1.41.0", "Envoy 1.41 is not in the table of 2026-11-01; security fixes after this Envoy are not known"),
      (
        "1.30.11",
        "Envoy 1.30 is not in the table of 2026-11-01; security fixes after this Envoy are not known; branch 1.30 has not "
          + "been supported since 2025-04-16"
      ),
      ("1.38.2-dev", "security fixes after this Envoy are not known: 1.38.2-dev is not the version of a release"),
      ("1.38.3", nil),
    ] as [(String, String?)])
  func notes(version: String, note: String?) throws {
    let day = try #require(Timestamp("2026-11-30T00:00:00Z"))
    let advice = try #require(EnvoyAdvice(version, in: Self.table, now: day))
    #expect(advice.note == note)
    #expect(advice.document["note"]?.string == note)
  }

  @Test("an end of support is told as what was or will be, to the day") func support() throws {
    func sentence(_ version: String, _ time: String) throws -> String {
      let now = try #require(Timestamp(time))
      return try #require(EnvoyAdvice(version, in: Self.table, now: now)).sentence
    }
    #expect(
      try sentence("1.30.11", "2025-04-16T23:59:59Z")
        == "Whether Envoy 1.30.11 lacks published security fixes is not known: branch 1.30 is not in the table of "
        + "2026-11-01. Branch 1.30 is supported until 2025-04-16.")
    #expect(try sentence("1.30.11", "2025-04-17T00:00:00Z").hasSuffix("has not been supported since 2025-04-16."))
    // Also where every note was read.
    let old = EnvoyReleases(
      date: "2026-11-01", releases: Self.table.releases, supportEnds: [38: "2026-11-02"])
    let now = try #require(Timestamp("2026-11-03T00:00:00Z"))
    let newest = try #require(EnvoyAdvice("1.38.3", in: old, now: now))
    #expect(newest.state == .noneKnown)
    #expect(newest.note == "branch 1.38 has not been supported since 2026-11-02")
    #expect(newest.sentence.hasSuffix(" Branch 1.38 has not been supported since 2026-11-02."))
    #expect(try #require(EnvoyAdvice("1.38.0", in: old, now: now)).sentence.hasSuffix("since 2026-11-02."))
  }

  @Test("the page about Envoy's security shows the table of the program, line by line") func page() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/envoy-security.md")
    let page = try String(contentsOf: file, encoding: .utf8)
    let table = EnvoyReleases.published
    #expect(page.contains("brought up to date on \(table.date)"))
    let rows = table.releases.map { release in
      let fixes = release.fixes.map { $0.isEmpty ? "none" : $0.joined(separator: ", ") } ?? "not read"
      let source = release.fixes == nil ? "–" : "<\(release.source)>"
      return "| \(release.version) | \(release.published) | \(fixes) | \(source) |"
    }
    #expect(page.split(separator: "\n").filter { $0.hasPrefix("| 1.") }.map(String.init) == rows)
  }

  @Test("the table of the program is in order, and each note that was read has an address") func table() {
    let releases = EnvoyReleases.published.releases
    #expect(releases.count == 39)
    #expect(releases.map(\.version) == releases.map(\.version).sorted())
    #expect(Set(releases.map(\.version)).count == releases.count)
    for release in releases {
      #expect(release.published.wholeMatch(of: /20\d\d-\d\d-\d\d/) != nil)
      #expect(release.published <= EnvoyReleases.published.date)
      #expect((release.fixes == nil) == release.source.isEmpty)
      #expect(release.source.isEmpty || release.source.hasPrefix("https://"))
      #expect(release.source.isEmpty || release.source.contains(release.version.description), "the note of one release")
      for id in release.fixes ?? [] {
        #expect(id.wholeMatch(of: /CVE-20\d\d-\d+|GHSA(-[0-9a-z]{4}){3}/) != nil, "\(id)")
      }
      #expect(release.fixes == release.fixes?.sorted())
    }
  }

  @Test("warnings name connected proxies alone, and one sentence stands for all proxies of a version") func warnings() {
    func insight(_ version: String, isOnline: Bool = true) -> DataplaneInsight {
      DataplaneInsight(subscriptions: [
        DataplaneInsight.Subscription(
          id: "1", controlPlaneInstanceId: "cp", connectTime: Timestamp(seconds: 0),
          disconnectTime: isOnline ? nil : Timestamp(seconds: 1),
          version: DataplaneInsight.ProxyVersion(kumaDp: "1", envoy: version))
      ])
    }
    #expect(PolicyWarnings.envoy(of: "web-1", nil) == [])
    #expect(PolicyWarnings.envoy(of: "web-1", insight("")) == [])
    #expect(PolicyWarnings.envoy(of: "web-1", insight("1.38.2", isOnline: false)) == [])
    let warnings = PolicyWarnings.envoy(of: "web-1", insight("1.38.2"))
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.hasPrefix("Data plane proxy \"web-1\": Envoy 1.38.2 has 30 security fixes") == true, "\(warnings)"
    )
    let mesh = PolicyWarnings.envoys(
      (1...9).map { ("web-\($0)", insight("1.38.2")) } + [
        ("new", insight("1.40.0")), ("gone", insight("1.37.0", isOnline: false)), ("api", insight("1.38.4")),
      ], mesh: "shop")
    #expect(mesh.count == 2)
    #expect(mesh.first?.contains("has 9 data plane proxies with an outdated Envoy (\"web-1\", ") == true, "\(mesh)")
    #expect(
      mesh.last?.contains("has a data plane proxy with an outdated Envoy (\"api\"). Envoy 1.38.4 has 1 security fix")
        == true)
    #expect(!mesh.joined().contains("\"gone\"") && !mesh.joined().contains("\"new\""))
  }
}
