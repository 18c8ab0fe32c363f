package import Documents
import MeshModel
import OrderedCollections

/// The annotations of an object, or its labels, and how their values are read. An annotation that is not there is `nil`.
/// Source of formats and messages: Kuma 2.7.
package struct Annotations: Sendable, Hashable {
  /// The texts by their keys.
  package var values: [String: String]

  /// Takes texts by their keys.
  package init(_ values: [String: String]) { self.values = values }

  /// The annotations in an object's metadata.
  package init(of object: DocumentValue.Object) { self.init(object["metadata"]?["annotations"]) }

  /// The map of an object's metadata: its annotations or labels. Values that are not texts do not count.
  package init(_ map: DocumentValue?) {
    var values: [String: String] = [:]
    for (key, value) in map?.object ?? [:] { values[key] = value.string }
    self.init(values)
  }

  /// The text under a key.
  package subscript(key: String) -> String? { values[key] }

  /// The text of an annotation.
  package subscript(annotation: PodAnnotation) -> String? { values[annotation.rawValue] }

  /// The text of an annotation.
  package subscript(annotation: ServiceAnnotation) -> String? { values[annotation.rawValue] }

  // MARK: Truth values

  /// A truth value: `enabled`, `true` and `yes`, or `disabled`, `false` and `no`.
  package func boolean(_ key: String) throws(AnnotationError) -> Bool? {
    switch values[key] {
    case nil: nil
    case "enabled", "true", "yes": true
    case "disabled", "false", "no": false
    case .some(let value):
      throw AnnotationError(
        code: .wrongValue, key: key,
        message: "annotation \"\(key.printable)\" has wrong value \"\(value.printable(atMost: Self.shown))\"")
    }
  }

  /// A truth value: `enabled`, `true` and `yes`, or `disabled`, `false` and `no`.
  package func boolean(_ annotation: PodAnnotation) throws(AnnotationError) -> Bool? {
    try boolean(annotation.rawValue)
  }

  // MARK: Numbers

  /// A number of 32 bits without a sign.
  package func number(_ key: String) throws(AnnotationError) -> UInt32? {
    guard let value = values[key] else { return nil }
    let isNumber = !value.isEmpty && value.utf8.allSatisfy { (0x30...0x39).contains($0) }
    if isNumber, let number = UInt32(value) { return number }
    throw AnnotationError(
      code: .wrongFormat, key: key,
      message: "failed to parse annotation \(key.quoted): strconv.ParseUint: parsing "
        + "\(value.abridged(to: Self.shown).quoted): \(isNumber ? "value out of range" : "invalid syntax")")
  }

  /// A number of 32 bits without a sign.
  package func number(_ annotation: PodAnnotation) throws(AnnotationError) -> UInt32? {
    try number(annotation.rawValue)
  }

  /// A port. Kuma reads any number of 32 bits, with which the API server refuses the pod.
  package func port(_ annotation: PodAnnotation) throws(AnnotationError) -> UInt16? {
    guard let number = try number(annotation) else { return nil }
    guard let port = UInt16(exactly: number), port > 0 else {
      throw AnnotationError(
        code: .wrongFormat, key: annotation.rawValue,
        message: "failed to parse annotation \(annotation.rawValue.quoted): \(number) is not a port; give a "
          + "number from 1 to 65535")
    }
    return port
  }

  // MARK: Lists and maps

  /// Texts between commas, without the empty ones.
  package func list(_ key: String) -> [String]? {
    values[key].map { $0.split(separator: ",").map(String.init) }
  }

  /// Texts between commas, without the empty ones.
  package func list(_ annotation: PodAnnotation) -> [String]? { list(annotation.rawValue) }

  /// Texts by keys: `key1=value1;key2=value2`.
  package func map(_ key: String) throws(AnnotationError) -> [String: String]? {
    guard let value = values[key] else { return nil }
    var map: [String: String] = [:]
    for pair in value.split(separator: ";", omittingEmptySubsequences: false) {
      let parts = pair.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2 else {
        throw AnnotationError(
          code: .wrongFormat, key: key,
          message: "invalid format. Map in \(key.quoted) has to be provided in the following format: "
            + "key1=value1;key2=value2")
      }
      map[String(parts[0])] = String(parts[1])
    }
    return map
  }

  /// Texts by keys: `key1=value1;key2=value2`.
  package func map(_ annotation: PodAnnotation) throws(AnnotationError) -> [String: String]? {
    try map(annotation.rawValue)
  }

  // MARK: Durations

  /// A length of time as Go writes it, such as `30s`.
  package func duration(_ annotation: PodAnnotation) throws(AnnotationError) -> Duration? {
    guard let value = self[annotation] else { return nil }
    guard let duration = Duration(goText: value) else {
      throw AnnotationError(
        code: .wrongFormat, key: annotation.rawValue,
        message: "failed to parse annotation \(annotation.rawValue.quoted): "
          + Duration.goFault(ofText: value.abridged(to: Self.shown)))
    }
    return duration
  }

  /// How many characters of a wrong value are shown.
  private static let shown = 200
}
