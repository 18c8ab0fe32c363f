import ProgramSettings
import TraceModel

/// What is hidden in spans before they are stored.
struct PrivacySettings: SettingGroup {
  let enabled = Setting(
    "collector.privacy.enabled", .truth, default: "true",
    "Whether passwords, tokens and keys in spans are replaced by REDACTED before the spans are stored.")
  let queryKeys = Setting(
    "collector.privacy.queryKeys", .keys, default: "",
    "Further keys of parameters in URLs and other texts whose values are hidden, separated by commas.")
  let tagKeys = Setting(
    "collector.privacy.tagKeys", .keys, default: "",
    "Further keys of tags whose values are hidden, separated by commas.")
  let keepKeys = Setting(
    "collector.privacy.keepKeys", .keys, default: "",
    "Keys of tags and parameters whose values are stored as they are, separated by commas.")
}

extension SettingFormat<[String]> {
  /// Keys of tags and parameters. As `-`, `_` and dots do not count, a key of nothing else would be that of every value without one.
  fileprivate static var keys: Self {
    list("is no key; give keys with a letter or a digit, separated by commas, such as voucher-code") { key in
      key.contains { $0.isLetter || $0.isNumber }
    }
  }
}

extension SettingValues<PrivacySettings> {
  /// The settings as the store takes them.
  var rules: SpanPrivacy.Settings {
    var rules = SpanPrivacy.Settings()
    rules.isEnabled = self.enabled
    rules.queryKeys = self.queryKeys
    rules.tagKeys = self.tagKeys
    rules.keepKeys = self.keepKeys
    return rules
  }
}
