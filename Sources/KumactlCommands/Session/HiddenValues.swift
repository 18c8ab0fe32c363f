import MeshModel

extension Resource {
  /// The resource as it is printed: no secret has its data.
  ///
  /// Other control planes than this project's give the data of secrets to administrators. It is not to end up in terminals, logs and
  /// files. What is secret in a mesh is masked by the control plane, which knows the masks when they come back.
  var withoutData: Resource { type.isSecret ? redacted : self }
}

/// What an export lacks, in sentences.
enum HiddenValues {
  /// How many names a sentence has before the rest is only counted.
  private static let limit = 5

  /// The values of meshes that are masked.
  static func notice(aboutMasksIn resources: [Resource]) -> String? {
    let names = resources.flatMap { resource in
      resource.type == .mesh
        ? Redaction.maskedPaths(in: resource.document()).map { "\($0) of \(resource.key)" } : []
    }
    guard !names.isEmpty else { return nil }
    return
      "\(list(names)) \(names.count == 1 ? "is" : "are") masked with \(Redaction.mask.quoted), because secrets are never shown. "
      + "A control plane that does not have them yet refuses the document until they are written in."
  }

  /// The secrets that are left out.
  static func notice(about secrets: [Resource]) -> String? {
    guard !secrets.isEmpty else { return nil }
    return
      "\(list(secrets.map(\.key.description))) \(secrets.count == 1 ? "is" : "are") not exported, because the data of secrets is "
      + "never shown. Back up the store to keep them: a control plane makes its own keys anew where they are missing, and tokens of "
      + "the earlier keys are refused then."
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(limit).map { $0.abridged() }.joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
  }
}
