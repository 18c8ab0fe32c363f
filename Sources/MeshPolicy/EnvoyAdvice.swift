package import MeshModel
import OrderedCollections

/// What is known of security fixes that were published after the version of a proxy's Envoy.
package struct EnvoyAdvice: Sendable, Hashable {
  /// What is known, in a word.
  package enum State: String, Sendable, CaseIterable {
    /// Security fixes were published after the version.
    case fixesPublished
    /// The notes of the branch were read up to this version, and none of a later release is known.
    case noneKnown
    /// Nobody has read what was published after the version, or the version is not that of a release.
    case unknown
  }

  /// A security fix.
  package struct Fix: Sendable, Hashable {
    /// Its identifier: `CVE-2026-47774`.
    package var id: String
    /// The first release of the branch that has it.
    package var release: EnvoyVersion
  }

  /// The version, as the proxy says it.
  package var version: String
  /// What is known, in a word.
  package var state: State
  /// The fixes that were published after the version, the oldest first.
  package var fixes: [Fix]
  /// The releases of the branch after the version whose notes were not read, the oldest first.
  package var unread: [EnvoyVersion]
  /// The newest release of the branch that is known; `nil` where none is newer.
  package var newest: EnvoyVersion?
  /// The last day of support of the branch; `nil` where it is not known.
  package var supportEnd: String?
  /// Whether that day is over.
  package var isSupportOver = false
  /// The branch: `1.38`; `nil` where the version is not that of a release.
  package var branch: String?
  /// Whether the table has a release of the branch.
  package var isBranchInTable = false
  /// The day of the table.
  package var date: String

  /// Looks a version up.
  ///
  /// - Parameters:
  ///   - version: what the proxy says; any text.
  ///   - now: when somebody asks, which decides whether a branch is still supported.
  /// - Returns: `nil` where the proxy does not say its version.
  package init?(_ version: String, in table: EnvoyReleases = .published, now: Timestamp = .now) {
    guard !version.isEmpty else { return nil }
    self.version = version.printable(atMost: 40)
    (fixes, unread, date) = ([], [], table.date)
    guard let parsed = EnvoyVersion(version) else {
      state = .unknown
      return
    }
    if parsed.major == 1 { supportEnd = table.supportEnds[parsed.minor] }
    // Both are days as in RFC 3339: `2026-11-29`.
    isSupportOver = supportEnd.map { $0 < now.description.prefix(10) } ?? false
    let branch = table.releases.filter { $0.version.isOfBranch(of: parsed) }.sorted { $0.version < $1.version }
    (self.branch, isBranchInTable) = ("\(parsed.major).\(parsed.minor)", !branch.isEmpty)
    var known: Set<String> = []
    for release in branch where release.version > parsed {
      newest = release.version
      guard let ids = release.fixes else {
        unread.append(release.version)
        continue
      }
      fixes += ids.filter { known.insert($0).inserted }.map { Fix(id: $0, release: release.version) }
    }
    let isCovered = branch.contains { $0.fixes != nil && $0.version >= parsed }
    state = !fixes.isEmpty ? .fixesPublished : isCovered && unread.isEmpty ? .noneKnown : .unknown
  }

  /// What is known, in sentences: `Envoy 1.38.3 has 14 security fixes published after its version…`.
  package var sentence: String {
    switch state {
    case .fixesPublished:
      let ids = PolicyWarnings.join(fixes) { $0.id }
      let advice = newest.map { "; run \($0) or a later release" } ?? ""
      return "Envoy \(version) has \(count) published after its version (\(ids))\(advice).\(reservation)\(support)"
    case .noneKnown:
      return "No security fix is known that was published after Envoy \(version), as of \(date).\(support)"
    case .unknown:
      let unknown = "Whether Envoy \(version) lacks published security fixes is not known"
      guard let branch else { return "\(unknown): it is not the version of a release." }
      if !unread.isEmpty { return "\(unknown).\(reservation)\(support)" }
      return isBranchInTable
        ? "\(unknown): the table of \(date) has no later release of branch \(branch).\(support)"
        : "\(unknown): branch \(branch) is not in the table of \(date).\(support)"
    }
  }

  /// What is known, in a few words for a column of a table: `2 security fixes were published after this Envoy; run 1.38.9`. `nil`
  /// where no later fix is known, nothing was left unread, and the branch is supported.
  package var note: String? {
    let words: String?
    switch state {
    case .fixesPublished:
      let fixes = fixes.count == 1 ? "1 security fix was" : "\(fixes.count) security fixes were"
      words = "\(fixes) published after this Envoy" + (newest.map { "; run \($0)" } ?? "")
    case .noneKnown: words = nil
    case .unknown:
      let what = "security fixes after this Envoy are not known"
      words =
        if let newest {
          "Envoy \(newest) was published after this one; whether it has security fixes is not known"
        } else if let branch {
          isBranchInTable
            ? "\(what): the table of \(date) has no later release of branch \(branch)"
            : "Envoy \(branch) is not in the table of \(date); \(what)"
        } else { "\(what): \(version) is not the version of a release" }
    }
    let end = supportEnd.flatMap { isSupportOver ? "branch \(branch ?? "") has not been supported since \($0)" : nil }
    let parts = [words, end].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  private var count: String { fixes.count == 1 ? "1 security fix" : "\(fixes.count) security fixes" }

  /// How long the branch is or was supported.
  private var support: String {
    guard let supportEnd, let branch else { return "" }
    if isSupportOver { return " Branch \(branch) has not been supported since \(supportEnd)." }
    return state == .unknown ? " Branch \(branch) is supported until \(supportEnd)." : ""
  }

  /// What was not read.
  private var reservation: String {
    guard !unread.isEmpty else { return "" }
    let list = PolicyWarnings.join(unread) { $0.description }
    return unread.count == 1
      ? " \(list) was published later, and its notes were not read."
      : " \(list) were published later, and their notes were not read."
  }

  /// The advice in document form.
  package var document: DocumentValue {
    var object: DocumentValue.Object = [
      "state": .string(state.rawValue), "version": .string(version), "summary": .string(sentence),
      "fixes": .array(fixes.map { ["id": .string($0.id), "release": .string($0.release.description)] }),
      "unreadReleases": .array(unread.map { .string($0.description) }), "tableDate": .string(date),
    ]
    if let newest { object["newestRelease"] = .string(newest.description) }
    if let supportEnd { object["supportedUntil"] = .string(supportEnd) }
    if let note { object["note"] = .string(note) }
    return .object(object)
  }
}

extension DataplaneInsight {
  /// What is known of security fixes for the Envoy of the current connection; `nil` where no version is known.
  package var envoyAdvice: EnvoyAdvice? { current?.version.flatMap { EnvoyAdvice($0.envoy) } }
}

extension PolicyWarnings {
  /// The warning about the version of a proxy's Envoy. There is none where no later fix is known, nothing was left unread, and the
  /// branch is supported.
  package static func envoy(of proxy: String, _ insight: DataplaneInsight?) -> [String] {
    guard let insight, insight.isOnline, let advice = insight.envoyAdvice, advice.note != nil else { return [] }
    return ["Data plane proxy \"\(proxy)\": \(advice.sentence)"]
  }

  /// The warning that some of a mesh's connected proxies run an Envoy after whose version security fixes were published.
  ///
  /// - Parameter proxies: the names and what is known of the proxies.
  package static func envoys(_ proxies: [(name: String, insight: DataplaneInsight)], mesh: String) -> [String] {
    var names: [String: [String]] = [:]
    var advice: [String: EnvoyAdvice?] = [:]
    for (name, insight) in proxies where insight.isOnline {
      guard let version = insight.current?.version?.envoy else { continue }
      let known = advice[version] ?? EnvoyAdvice(version)
      advice[version] = .some(known)
      if known?.state == .fixesPublished { names[version, default: []].append(name) }
    }
    return few(names.sorted { $0.key < $1.key }) { version, names in
      let subject = names.count == 1 ? "a data plane proxy" : "\(names.count) data plane proxies"
      let sentence = (advice[version] ?? nil)?.sentence ?? ""
      return "Mesh \"\(mesh)\" has \(subject) with an outdated Envoy (\(list(names.sorted()))). \(sentence)"
    } rest: { others in
      "The same holds for \(others.reduce(0) { $0 + $1.value.count }) data plane proxies with \(others.count) other versions."
    }
  }
}
