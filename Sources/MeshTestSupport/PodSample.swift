package import Documents
import Foundation
import MeshModel
import OrderedCollections
import TestSupport

/// A pod before and after the injection, as a pair of files: `NAME.in.yaml` has a Namespace and the Pod, and `NAME.out.yaml` the
/// warnings as comments and the Pod.
package struct PodSample: Sendable, CustomStringConvertible {
  /// There is a file that is not a sample.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  /// The name of the files.
  package let name: String
  /// The namespace of the pod.
  package let namespace: DocumentValue.Object
  /// The pod as a user wrote it.
  package let pod: DocumentValue.Object

  /// The files.
  package static let goldens = Golden(
    beside: URL(fileURLWithPath: #filePath).appending(path: "../../../Tests/MeshKubernetesTests/Samples").standardized
      .path(percentEncoded: false), directory: "Goldens/Pods")

  /// Every sample, sorted by name.
  package static func all() throws -> [PodSample] {
    let suffix = ".in.yaml"
    let files = try FileManager.default.contentsOfDirectory(
      atPath: goldens.directory.path(percentEncoded: false))
    return try files.filter { $0.hasSuffix(suffix) }.sorted().map { try PodSample(String($0.dropLast(suffix.count))) }
  }

  /// Reads a sample.
  package init(_ name: String) throws {
    self.name = name
    let text = try String(contentsOf: Self.goldens.directory.appending(path: "\(name).in.yaml"), encoding: .utf8)
    let documents = try DocumentValue.yamlDocuments(text).compactMap(\.object)
    guard documents.count == 2 else { throw Failure(description: "\(name).in.yaml has to hold a Namespace and a Pod") }
    (namespace, pod) = (documents[0], documents[1])
  }

  package var description: String { name }

  /// Whether every API server knows the fields of the pod.
  package var isOfEveryVersion: Bool { !name.hasPrefix("later-") }
  /// Whether the settings are the default ones.
  package var hasUsualSettings: Bool { !name.hasPrefix("settings-") }

  /// The pod after the injection, and the warnings.
  package func expected() throws -> (pod: DocumentValue.Object, warnings: [String]) {
    let text = try String(contentsOf: Self.goldens.directory.appending(path: "\(name).out.yaml"), encoding: .utf8)
    guard let pod = try DocumentValue.yamlDocuments(text).first?.object else {
      throw Failure(description: "\(name).out.yaml has to hold a Pod")
    }
    return (
      pod, text.split(separator: "\n").prefix { $0.hasPrefix(Self.mark) }.map { String($0.dropFirst(Self.mark.count)) }
    )
  }

  /// Compares the pod after the injection with the file, or writes the file.
  package func check(_ pod: DocumentValue, warnings: [String]) throws {
    let lines = warnings.map { "\(Self.mark)\($0)\n" }.joined()
    try Self.goldens.check(lines + pod.yaml(sortKeys: false), "\(name).out.yaml")
  }

  private static let mark = "# Warning: "
}
