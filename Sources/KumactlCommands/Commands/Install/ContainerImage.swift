/// Names of container images in manifests.
enum ContainerImage {
  /// Refuses a name that no image can have.
  ///
  /// - Parameter option: the option that the name comes from.
  static func check(_ name: String, option: String) throws(CommandFailure) {
    guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw CommandFailure("\(option): \"\(name)\" is not a valid container image")
    }
  }
}
