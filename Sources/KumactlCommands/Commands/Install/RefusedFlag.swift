/// A flag of Kuma for what does not exist here.
struct RefusedFlag {
  /// Its name, without the dashes.
  var name: String
  var isGiven: Bool
  /// Why there is no such thing, and what to do.
  var reason: String

  init(_ name: String, isGiven: Bool, _ reason: String) {
    self.name = name
    self.isGiven = isGiven
    self.reason = reason
  }

  /// Throws for the first flag that was given.
  static func check(_ flags: [RefusedFlag]) throws {
    guard let flag = flags.first(where: \.isGiven) else { return }
    throw CommandFailure("--\(flag.name) is not supported: \(flag.reason)")
  }
}
