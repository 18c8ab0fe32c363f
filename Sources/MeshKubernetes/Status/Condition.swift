import Documents
package import KubernetesAPI
package import MeshModel
import OrderedCollections

/// What the control plane says about an object in its status.
package struct Condition: Sendable, Hashable {
  /// The types of conditions.
  package enum Kind: String, Sendable, CaseIterable {
    /// Whether the object is valid and belongs to a mesh.
    case accepted = "Accepted"
    /// Whether proxies trace because of it.
    case programmed = "Programmed"
    /// Whether other policies apply to every proxy that the policy matches. It is there only while that is so.
    case conflicted = "Conflicted"
  }

  /// The type.
  package var kind: Kind
  /// Whether it holds.
  package var isTrue: Bool
  /// Why, in a word for programs.
  package var reason: String
  /// Why, in sentences.
  package var message: String

  /// How many characters a message may have.
  private static let limit = 4_096

  /// - Parameter sentences: why; they are joined.
  package init(_ kind: Kind, _ isTrue: Bool, _ reason: String, _ sentences: [String]) {
    self.kind = kind
    self.isTrue = isTrue
    self.reason = reason
    message = Redaction.masked(text: sentences.joined(separator: " ").printable(atMost: Self.limit))
  }

  /// Whether it says that something is wrong.
  package var isTrouble: Bool { isTrue == (kind == .conflicted) }
}

extension Condition {
  /// The conditions that an object shows; not those that do not have the form of a condition.
  package static func shown(by object: KubernetesObject) -> [Condition] {
    entries(object).compactMap { Condition($0) }
  }

  fileprivate init?(_ entry: DocumentValue) {
    guard let kind = entry["type"]?.string.flatMap(Kind.init), let status = entry["status"]?.string,
      let reason = entry["reason"]?.string, let message = entry["message"]?.string
    else { return nil }
    self.init(kind, status == "True", reason, [message])
  }

  fileprivate static func entries(_ object: KubernetesObject) -> [DocumentValue] {
    object["status"]?["conditions"]?.array ?? []
  }
}

/// A change of an object's status, so that it shows conditions.
package struct StatusChange: Sendable, Hashable {
  /// The new status, as a merge patch.
  package var patch: DocumentValue
  /// Whether more than words and numbers has changed: a condition, its reason, or the object itself.
  package var isTurn: Bool

  /// Conditions of other types stay. A condition that was true or false before keeps the time at which it became so.
  ///
  /// - Parameter now: the time of what has changed.
  /// - Returns: `nil` when the object shows these conditions already, for its present generation.
  package init?(_ object: KubernetesObject, showing conditions: [Condition], now: Timestamp) {
    let old = Condition.entries(object)
    let foreign = old.filter { Condition.Kind(rawValue: $0["type"]?.string ?? "") == nil }
    let generation: DocumentValue = .integer(object.generation)
    let entries = conditions.map { condition -> DocumentValue in
      let before = old.first { $0["type"]?.string == condition.kind.rawValue }
      let status = condition.isTrue ? "True" : "False"
      let since = before?["status"]?.string == status ? before?["lastTransitionTime"]?.string : nil
      return [
        "type": .string(condition.kind.rawValue), "status": .string(status), "observedGeneration": generation,
        "lastTransitionTime": .string(since ?? Timestamp(seconds: now.seconds).description),
        "reason": .string(condition.reason), "message": .string(condition.message),
      ]
    }
    let all = foreign + entries
    guard all.map({ $0.sortedByKey() }) != old.map({ $0.sortedByKey() }) else { return nil }
    patch = ["status": ["conditions": .array(all)]]
    isTurn = Self.outlines(all) != Self.outlines(old)
  }

  /// Conditions without their words.
  private static func outlines(_ entries: [DocumentValue]) -> [[DocumentValue?]] {
    entries.map { entry in ["type", "status", "observedGeneration", "reason"].map { entry[$0] } }
  }
}
