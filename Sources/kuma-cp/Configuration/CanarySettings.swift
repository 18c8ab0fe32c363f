import ProgramSettings

/// The settings of the collector's canary.
struct CanarySettings: SettingGroup {
  let enabled = Setting(
    "collector.canary.enabled", .truth, default: "true",
    "Whether the collector sends a trace to itself again and again, looks for it, and reports loss and delay.")
  let interval = Setting(
    "collector.canary.interval", .interval, default: "60s",
    "How often the collector sends a trace to itself; 1s or more.")
}

extension SettingFormat<Duration> {
  /// A second or more.
  fileprivate static var interval: Self {
    Self { text throws(SettingFault) in
      let duration = try Self.duration.read(text)
      guard duration >= .seconds(1) else { throw SettingFault(text, "is too short; give 1s or more, such as 60s") }
      return duration
    }
  }
}
