/// What stands in the place of a container's image: programs of this machine, at the paths that they have in the image. All other
/// files are this machine's, which the container cannot change.
package struct ContainerImage: Sendable {
  /// Files of this machine by their paths in the image, such as `/usr/bin/kumactl`.
  package var files: [String: String]
  /// The command, where the container names none.
  package var entrypoint: [String]
  /// The arguments, where the container names neither command nor arguments.
  package var arguments: [String]
  /// The environment that the image sets.
  package var environment: [String: String]
  /// The user, where neither container nor pod names one.
  package var user: UInt32

  /// Describes an image.
  package init(
    files: [String: String] = [:], entrypoint: [String] = [], arguments: [String] = [],
    environment: [String: String] = [:], user: UInt32 = 0
  ) {
    self.files = files
    self.entrypoint = entrypoint
    self.arguments = arguments
    self.environment = environment
    self.user = user
  }

  /// The last part of an image's name, without tag and digest: `kuma-dp` of `docker.io/kumahq/kuma-dp:2.7.0`.
  package static func shortName(_ image: String) -> String {
    let name = image.prefix { $0 != "@" }.split(separator: "/").last ?? ""
    return String(name.prefix { $0 != ":" })
  }

  /// The `PATH` of images that set none.
  static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
