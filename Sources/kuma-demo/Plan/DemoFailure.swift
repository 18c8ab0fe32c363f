/// Why the demo cannot go on.
struct DemoFailure: Error, Sendable, CustomStringConvertible {
  /// What is wrong, in a sentence without a full stop.
  var description: String
  /// The program whose log tells more.
  var program: String?

  init(_ description: String, program: String? = nil) {
    self.description = description
    self.program = program
  }
}
