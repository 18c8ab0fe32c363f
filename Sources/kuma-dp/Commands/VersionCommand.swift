import ArgumentParser
import MeshModel

/// `kuma-dp version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

  @Flag(name: [.customShort("a"), .long], help: "Print all details of the build.")
  var detailed = false

  func run() {
    let version = ProductVersion.current
    guard detailed else { return print("\(ProductVersion.product) \(version)") }
    print(
      """
      Product:       \(ProductVersion.product)
      Version:       \(version)
      Git Tag:       \(version)
      Git Commit:    \(BuildRecord.commit)
      Build Date:    \(BuildRecord.date)
      """)
  }
}
