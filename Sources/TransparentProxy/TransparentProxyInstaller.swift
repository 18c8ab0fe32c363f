import ProcessSupervisor
package import SystemErrors

/// Installs the rules of a transparent proxy on this machine, or in this network namespace, and removes them.
package struct TransparentProxyInstaller: Sendable {
  /// How often a failed installation is tried again.
  package var retries: Int
  /// The pause between two attempts.
  package var pause: Duration
  /// How long the legacy programs wait for their lock.
  package var wait: LockWait
  /// Whether rules are shown with the long names of options.
  package var isVerbose: Bool
  /// Takes lines for the user, as they come.
  package var report: @Sendable (Report) -> Void

  /// Something for the user.
  package enum Report: Sendable, Hashable {
    /// Rules, as a file for `iptables-restore`.
    case rules(String)
    /// What is done, or why not.
    case remark(String)
  }

  package init(
    retries: Int = 4, pause: Duration = .seconds(2), wait: LockWait = LockWait(), isVerbose: Bool = false,
    report: @escaping @Sendable (Report) -> Void = { _ in }
  ) {
    self.retries = retries
    self.pause = pause
    self.wait = wait
    self.isVerbose = isVerbose
    self.report = report
  }

  /// Prints the rules that ``install(_:families:)`` would install where there are none yet.
  package func show(_ settings: RedirectSettings, families: Set<IPFamily>) throws(SystemError) {
    let interfaces = try NetworkInterfaces()
    let families = available(families, interfaces)
    for family in families {
      if families.count > 1 { report(.rules("# \(family.program)-restore --noflush\n")) }
      report(.rules(RedirectRules(localized(settings, interfaces), family: family).text(isVerbose: isVerbose)))
    }
  }

  /// Installs rules in the place of those that an earlier installation left. IPv6 is left out where the machine has none.
  /// After an error everything is as it was before.
  package func install(_ settings: RedirectSettings, families: Set<IPFamily>) async throws {
    if let error = InstallationError.permission { throw error }
    let turn = try await Self.turn()
    defer { withExtendedLifetime(turn) {} }
    let interfaces = try NetworkInterfaces()
    let settings = localized(settings, interfaces)
    var left = Set(IPFamily.allCases)
    var done: [Applied] = []
    do {
      for family in available(families, interfaces) {
        if family == .ipv6, await !hasTable(family) { continue }
        done.append(try await install(RedirectRules(settings, family: family), loopback: settings.loopback))
        left.remove(family)
      }
      for family in left { try await remove(family, loopback: settings.loopback) }
    } catch {
      for applied in done.reversed() { await undo(applied) }
      if await !hasRules(.ipv6) {
        try? NetworkInterfaces.change(.remove, RedirectRules.passthroughSource(.ipv6), on: settings.loopback)
      }
      throw error
    }
  }

  /// Removes the rules from all back ends of both families.
  ///
  /// - Parameter isDry: whether the change is only shown.
  /// - Returns: whether there was anything to remove.
  @discardableResult
  package func uninstall(isDry: Bool = false) async throws -> Bool {
    if let error = InstallationError.permission { throw error }
    let turn = try await Self.turn()
    defer { withExtendedLifetime(turn) {} }
    let loopback = try NetworkInterfaces().loopback
    // Without any program nothing can be said about the rules.
    do throws(InstallationError) {
      _ = try await PacketFilter.find(.nft, .ipv4)
    } catch {
      if (try? await PacketFilter.find(.legacy, .ipv4)) == nil { throw error }
    }
    var isChanged = false
    for family in IPFamily.allCases {
      isChanged = try await remove(family, loopback: loopback ?? "lo", isDry: isDry) || isChanged
    }
    return isChanged
  }

  /// Waits until no other process installs or removes rules in this network namespace: iptables of nft lets two of them add the
  /// same rules, each to a chain that was empty when it looked.
  private static func turn() async throws -> AbstractName {
    for _ in 0..<1200 {
      // Such names belong to a network namespace.
      if let name = AbstractName("kuma-trace/transparent-proxy") { return name }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw InstallationError.failed(
      "another process has been changing the rules for a minute; try again when it has ended")
  }

  private func localized(_ settings: RedirectSettings, _ interfaces: NetworkInterfaces) -> RedirectSettings {
    var settings = settings
    settings.loopback = interfaces.loopback ?? settings.loopback
    return settings
  }

  private func available(_ families: Set<IPFamily>, _ interfaces: NetworkInterfaces) -> [IPFamily] {
    IPFamily.allCases.filter { family in
      guard families.contains(family) else { return false }
      guard family == .ipv6, !interfaces.hasIPv6 else { return true }
      if isVerbose {
        report(.remark("IPv6 is left out: no interface but \(interfaces.loopback ?? "lo") has an address"))
      }
      return false
    }
  }

  /// Whether the kernel has a table nat for a family. Some machines have IPv6 without it.
  private func hasTable(_ family: IPFamily) async -> Bool {
    var reasons: [String] = []
    for backEnd in PacketFilter.BackEnd.allCases {
      do {
        _ = try await PacketFilter.find(backEnd, family)
        return true
      } catch {
        reasons.append("\(error)")
      }
    }
    report(.remark("\(family.name) is left out and not redirected: \(reasons.joined(separator: "; "))"))
    return false
  }

  /// What was changed for one family.
  private struct Applied {
    var filter: PacketFilter
    var earlier: InstalledRules
  }

  private func install(_ rules: RedirectRules, loopback: String) async throws -> Applied {
    if rules.family == .ipv6 {
      do {
        try NetworkInterfaces.change(.add, RedirectRules.passthroughSource(.ipv6), on: loopback)
      } catch {
        throw InstallationError.failed("the address ::6 cannot be added to \(loopback): \(error)")
      }
    }
    var attempt = 0
    while true {
      attempt += 1
      var failures: [InstallationError] = []
      for backEnd in PacketFilter.BackEnd.allCases {
        do throws(InstallationError) {
          let filter = try await PacketFilter.find(backEnd, rules.family)
          let earlier = try await filter.installed()
          let text = rules.text(replacing: earlier, isVerbose: isVerbose)
          report(.rules(text))
          let count = retries + 1
          try await filter.apply(text, wait: wait) { report(.remark("[\(attempt)/\(count)] \($0)")) }
          for other in PacketFilter.BackEnd.allCases where other != backEnd {
            try await remove(rules.family, from: other, isDry: false)
          }
          return Applied(filter: filter, earlier: earlier)
        } catch {
          failures.append(error)
        }
      }
      let areAllMissing = failures.allSatisfy { $0.code == .missing }
      let isHopeless = areAllMissing || failures.contains { $0.code == .invalid }
      guard attempt <= retries, !isHopeless else {
        throw InstallationError(
          code: failures.first?.code ?? .failed,
          description: areAllMissing
            ? failures.first?.description ?? "" : failures.map(\.description).joined(separator: "; "))
      }
      report(.remark("\(failures.map(\.description).joined(separator: "; ")), will try again in \(pause)"))
      try await Task.sleep(for: pause)
    }
  }

  /// Whether a back end holds rules of an installation.
  private func hasRules(_ family: IPFamily) async -> Bool {
    for backEnd in PacketFilter.BackEnd.allCases where PacketFilter.isInUse(backEnd, family) {
      guard let filter = try? await PacketFilter.find(backEnd, family) else { continue }
      if (try? await filter.installed().isEmpty) == false { return true }
    }
    return false
  }

  private func undo(_ applied: Applied) async {
    guard let current = try? await applied.filter.installed() else { return }
    let lines = ["*nat"] + current.removal + applied.earlier.restoration + ["COMMIT"]
    try? await applied.filter.apply(lines.joined(separator: "\n") + "\n", wait: wait)
    if applied.earlier.isEmpty { await applied.filter.removeEmptyTable() }
  }

  @discardableResult
  private func remove(_ family: IPFamily, loopback: String, isDry: Bool = false) async throws -> Bool {
    var isChanged = false
    for backEnd in PacketFilter.BackEnd.allCases {
      isChanged = try await remove(family, from: backEnd, isDry: isDry) || isChanged
    }
    guard family == .ipv6, !isDry else { return isChanged }
    do {
      try NetworkInterfaces.change(.remove, RedirectRules.passthroughSource(.ipv6), on: loopback)
    } catch {
      // A machine without IPv6 has nothing to remove.
      if isChanged { throw InstallationError.failed("the address ::6 cannot be removed from \(loopback): \(error)") }
    }
    return isChanged
  }

  @discardableResult
  private func remove(
    _ family: IPFamily, from backEnd: PacketFilter.BackEnd, isDry: Bool
  ) async throws(InstallationError) -> Bool {
    guard PacketFilter.isInUse(backEnd, family) else { return false }
    // What cannot be used holds nothing.
    guard let filter = try? await PacketFilter.find(backEnd, family) else { return false }
    let installed = try await filter.installed()
    guard !installed.isEmpty else { return false }
    let text = (["* nat"] + installed.removal + ["COMMIT"]).joined(separator: "\n") + "\n"
    report(.rules("# \(filter.restore) --noflush\n\(text)"))
    guard !isDry else { return true }
    try await filter.apply(text, wait: wait)
    await filter.removeEmptyTable()
    return true
  }
}
