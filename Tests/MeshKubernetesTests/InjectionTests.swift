import Documents
import MeshKubernetes
import MeshModel
import MeshTestSupport
import OrderedCollections
import Testing

@Suite("The injection of sidecars")
struct InjectionTests {
  @Test("Pods of every shape, in and out", arguments: try PodSample.all())
  func samples(_ sample: PodSample) async throws {
    let answer = try await Injecting.answer(sample)
    #expect(answer.refusal == nil)
    try sample.check(try JSONPatch.apply(answer.patch, to: .object(sample.pod)), warnings: answer.warnings)
  }

  @Test("There are samples enough")
  func count() throws { #expect(try PodSample.all().count > 45) }

  @Test("What the user wrote stays", arguments: try PodSample.all())
  func nothingIsLost(_ sample: PodSample) async throws {
    let answer = try await Injecting.answer(sample)
    let injected = try JSONPatch.apply(answer.patch, to: .object(sample.pod))
    let changed = Set(answer.patch.map(\.path))
    let lost = Self.differences(.object(sample.pod), injected, "").filter { !changed.contains($0) }
    #expect(lost.isEmpty)
    // A pod that has its sidecar stays as it is.
    let again = try await Injecting.answer(injected, in: sample.namespace, settings: Injecting.settings(of: sample))
    #expect(again.refusal == nil && again.patch.isEmpty)
  }

  /// Where the second value lacks something of the first. Items of lists may stand at other indices.
  private static func differences(_ before: DocumentValue, _ after: DocumentValue, _ path: String) -> [String] {
    switch (before, after) {
    case (.object(let before), .object(let after)):
      return before.flatMap { key, value -> [String] in
        let inner = "\(path)/\(key.replacing("~", with: "~0").replacing("/", with: "~1"))"
        return after[key].map { differences(value, $0, inner) } ?? [inner]
      }
    case (.array(let before), .array(let after)):
      return before.enumerated().flatMap { index, item -> [String] in
        let inner = "\(path)/\(index)"
        let name = item["name"]?.string
        let same = name == nil ? after.dropFirst(index).first : after.first { $0["name"]?.string == name }
        return same.map { differences(item, $0, inner) } ?? [inner]
      }
    default: return before == after ? [] : [path]
    }
  }

  @Test("A pod of any form is answered, whatever kind its fields have")
  func hostilePods() async throws {
    let samples = try ["everything", "probes", "not-here", "users", "excluded-ports-for-users"].map {
      try PodSample($0)
    }
    let others: [DocumentValue] = [
      .null, true, 5, -1, .number(1e300), "", "x", [], [5, "x", [:]], [:], ["name": 5], ["name": "x", "port": 70_000],
    ]
    var count = 0
    for sample in samples {
      for path in Self.paths(in: .object(sample.pod), []) {
        for other in others {
          let pod = Self.replacing(.object(sample.pod), path[...], by: other)
          guard pod.object != nil else { continue }
          let answer = try await Injecting.answer(pod, in: sample.namespace)
          if answer.refusal == nil { _ = try? JSONPatch.apply(answer.patch, to: pod) }
          count += 1
        }
      }
    }
    #expect(count > 1_000)
  }

  private static func paths(in value: DocumentValue, _ path: [String]) -> [[String]] {
    switch value {
    case .object(let object): [path] + object.flatMap { paths(in: $1, path + [$0]) }
    case .array(let items): [path] + items.enumerated().flatMap { paths(in: $1, path + [String($0)]) }
    default: [path]
    }
  }

  private static func replacing(_ value: DocumentValue, _ path: ArraySlice<String>, by other: DocumentValue)
    -> DocumentValue
  {
    guard let key = path.first else { return other }
    switch value {
    case .object(var object):
      object[key] = replacing(object[key] ?? .null, path.dropFirst(), by: other)
      return .object(object)
    case .array(var items):
      guard let index = Int(key) else { return value }
      items[index] = replacing(items[index], path.dropFirst(), by: other)
      return .array(items)
    default: return value
    }
  }

  @Test("Lists of any length cost what they are long, and an answer has a bound")
  func largePods() async throws {
    var sample = try PodSample("ports-in-use").pod
    let ports = DocumentValue.array((0..<20_000).map { _ in ["containerPort": 9901] })
    let annotations = (0..<5_000).map { ("kuma.io/unknown-\($0)", DocumentValue.string("x")) }
    sample["metadata"] = ["annotations": .object(DocumentValue.Object(uniqueKeysWithValues: annotations))]
    sample["spec"] = ["containers": [["name": "web", "ports": ports]]]
    let answer = try await Injecting.answer(.object(sample), in: try PodSample("minimal").namespace)
    #expect(answer.refusal == nil)
    #expect(answer.warnings.reduce(0) { $0 + $1.utf8.count } < 8_192)
  }
}
