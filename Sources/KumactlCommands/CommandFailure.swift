import MeshClient

/// Why a command could not be carried out, in the words that the user reads.
struct CommandFailure: Error {
  /// What is wrong and what to do.
  var message: String
  /// Whether no control plane could be asked about its version.
  var isUnconfirmed = false

  init(_ message: String, isUnconfirmed: Bool = false) {
    self.message = message
    self.isUnconfirmed = isUnconfirmed
  }
}

extension ControlPlaneError {
  /// The error with what was being done in front, when nothing answered; a control plane's own words stay as they are.
  func during(_ action: String) -> ControlPlaneError {
    guard status == nil else { return self }
    var error = self
    error.title = "\(action): \(title)"
    return error
  }
}
