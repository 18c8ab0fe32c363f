package import Documents
import JSONText
import OrderedCollections

/// One message of a `kuma-dp` about its Envoy: the body of `POST /evidence`, as JSON.
///
/// It has the values of the statistics that changed since the last message that was answered with success, or of all.
/// Values are absolute, so that a message can be sent again.
package struct EvidenceReport: Sendable, Hashable {
  /// The path on the data plane server to which reports are sent.
  package static let path = "/evidence"

  /// The proxy's mesh.
  package var mesh: String
  /// The proxy's name in its mesh.
  package var name: String
  /// A text that is another one for each process of Envoy.
  package var epoch: String
  /// The number of the message in its epoch: 1 for the first, one more after each that was answered with success.
  package var sequence: Int
  /// Whether there are all statistics; those that are not there are then 0.
  package var isWhole: Bool
  /// The values by their statistics.
  package var values: [Statistic: Int] = [:]
  /// How many values had names that are no evidence here, and were not read.
  package var unknown = 0
  /// Envoy's version as it says it, such as `1.40.0`; empty if it is not known.
  package var envoyVersion = ""
  /// When it was sent, by the clock of the proxy's machine, to the millisecond.
  package var time: Timestamp
  /// How long before ``time``, at most, Envoy counted the newest report of spans that was answered as it should be; `nil` if it has
  /// counted none lately.
  package var answerAge: Duration?

  /// Makes a report without values.
  package init(mesh: String, name: String, epoch: String, sequence: Int, isWhole: Bool, time: Timestamp) {
    self.mesh = mesh
    self.name = name
    self.epoch = epoch
    self.sequence = sequence
    self.isWhole = isWhole
    self.time = time
  }

  /// Reads a report. Members and statistics that are not known are left out.
  ///
  /// - Throws: ``DocumentError`` naming the member that is wrong, or the place where the text is no JSON.
  package init(json bytes: [UInt8]) throws(DocumentError) {
    guard bytes.count <= EvidenceLimits.reportBytes else {
      throw DocumentError(code: .tooLarge, message: "a report may have \(EvidenceLimits.reportBytes) bytes at most")
    }
    let document = try DocumentValue(json: bytes)
    guard let object = document.object else {
      throw DocumentError(code: .wrongKind, message: "a report has to be an object, not \(document.kind)")
    }
    func text(_ name: String, isOptional: Bool = false) throws(DocumentError) -> String {
      guard let text = object[name]?.string, isOptional || !text.isEmpty else {
        if isOptional, object[name] == nil { return "" }
        throw DocumentError(code: .wrongKind, message: "\(name) has to be text, and not empty")
      }
      guard text.utf8.count <= EvidenceLimits.textLength else {
        throw DocumentError(
          code: .tooLarge, message: "\(name) may have \(EvidenceLimits.textLength) bytes at most")
      }
      return text
    }
    func number(_ name: String) throws(DocumentError) -> Int {
      guard let number = Self.number(object[name]) else {
        throw DocumentError(
          code: .wrongKind, message: "\(name) has to be a whole number from 0 to \(EvidenceLimits.value)")
      }
      return number
    }
    let milliseconds = try number("time")
    self.init(
      mesh: try text("mesh"), name: try text("name"), epoch: try text("epoch"), sequence: try number("sequence"),
      isWhole: object["whole"]?.bool ?? false,
      time: Timestamp(seconds: Int64(milliseconds / 1_000), nanoseconds: Int32(milliseconds % 1_000) * 1_000_000))
    envoyVersion = try text("envoyVersion", isOptional: true)
    if object["answerAge"] != nil { answerAge = .milliseconds(try number("answerAge")) }
    guard let reported = object["values"]?.object else {
      guard object["values"] == nil else {
        throw DocumentError(code: .wrongKind, message: "values has to be an object")
      }
      return
    }
    guard reported.count <= EvidenceLimits.reported else {
      throw DocumentError(
        code: .tooLarge, message: "values may have \(EvidenceLimits.reported) members at most")
    }
    values.reserveCapacity(reported.count)
    for (name, value) in reported {
      guard let statistic = EvidenceStatistics.statistic(name) else {
        unknown += 1
        continue
      }
      guard let number = Self.number(value) else {
        throw DocumentError(
          code: .wrongKind,
          message: "values.\(name) has to be a whole number from 0 to \(EvidenceLimits.value)")
      }
      values[statistic] = number
    }
  }

  private static func number(_ value: DocumentValue?) -> Int? {
    guard case .integer(let number)? = value, (0...Int64(EvidenceLimits.value)).contains(number) else { return nil }
    return Int(number)
  }

  /// The report as JSON, the statistics in the order of their names.
  package func json() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    for (name, text) in [("mesh", mesh), ("name", name), ("epoch", epoch), ("envoyVersion", envoyVersion)] {
      writer.key(name)
      writer.string(text)
    }
    writer.key("sequence")
    writer.number(sequence)
    writer.key("whole")
    writer.bool(isWhole)
    writer.key("time")
    writer.number(time.nanosecondsSince1970 / 1_000_000)
    if let answerAge {
      let (seconds, attoseconds) = answerAge.components
      writer.key("answerAge")
      writer.number(max(0, seconds &* 1_000 &+ attoseconds / 1_000_000_000_000_000))
    }
    writer.key("values")
    writer.beginObject()
    let named = values.compactMap { statistic, value in EvidenceStatistics.name(statistic).map { ($0, value) } }
    for (name, value) in named.sorted(by: { $0.0 < $1.0 }) {
      writer.key(name)
      writer.number(value)
    }
    writer.endObject()
    writer.endObject()
    return writer.bytes
  }
}
