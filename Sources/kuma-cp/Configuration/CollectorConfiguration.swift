import HTTPService
import MeshModel
import TraceModel
import TraceStore

/// The settings of a trace collector, read and checked.
struct CollectorConfiguration: Sendable {
  /// Zipkin's API, the page, and everything else.
  var zipkin: ControlPlaneConfiguration.Endpoint
  /// The port for OpenTelemetry's exporters; `nil` for none.
  var otlp: ControlPlaneConfiguration.Endpoint?
  /// Whether somebody asked for just that port, so that it is an error if it is taken.
  var isOTLPPortGiven: Bool
  /// The file of the spans; `nil` for the usual one.
  var storeFile: String?
  var retention: Retention
  var limits: CollectorLimits
  var allowedOrigins: [String]
  var autocompleteKeys: [String]

  init(_ reader: SettingReader) throws {
    zipkin = .init(host: try reader.host(.collectorInterface), port: try reader.port(.collectorPort))
    if try reader.bool(.collectorOTLPEnabled) {
      otlp = .init(host: try reader.host(.collectorOTLPInterface), port: try reader.port(.collectorOTLPPort))
    }
    isOTLPPortGiven = reader.isGiven(.collectorOTLPPort)
    storeFile = try reader.optional(.collectorStoreFile)
    let age = try reader.duration(.collectorMaxAge)
    let spans = try reader.count(.collectorMaxSpans, from: 0)
    let size = try reader.size(.collectorMaxSize, from: 0)
    retention = Retention(
      maximumSpans: spans == 0 ? nil : spans, maximumAge: age == .zero ? nil : age,
      maximumBytes: size == 0 ? nil : size)
    limits = CollectorLimits()
    limits.bodyBytes = try reader.size(.collectorBodySize, from: 1_024)
    limits.spansPerRequest = try reader.count(.collectorSpansPerRequest, from: 1)
    limits.tagsPerSpan = try reader.count(.collectorTagsPerSpan, from: 1)
    limits.services = try reader.count(.collectorServices, from: 1)
    limits.waitingSpans = try reader.count(.collectorWaitingSpans, from: 1)
    allowedOrigins = try reader.origins(.collectorAllowedOrigins)
    autocompleteKeys = reader.list(.collectorAutocompleteKeys)
  }
}

extension SettingReader {
  /// Whether a setting stands anywhere, be it with its default.
  func isGiven(_ setting: Setting) -> Bool { sources.contains { $0.value(setting) != nil } }

  /// What stands between commas.
  func list(_ setting: Setting) -> [String] {
    value(setting).text.split(separator: ",").map { part in
      var part = part
      while part.first?.isWhitespace == true { part.removeFirst() }
      while part.last?.isWhitespace == true { part.removeLast() }
      return String(part)
    }.filter { !$0.isEmpty }
  }

  /// Origins of pages, or `*`.
  func origins(_ setting: Setting) throws -> [String] {
    try list(
      setting, of: "origin", "give one such as https://grafana.example:3000, without a path, or * for all",
      where: OriginRule.isOrigin)
  }

  /// Names under which a server may be reached.
  func hosts(_ setting: Setting) throws -> [String] {
    try list(
      setting, of: "name",
      "give one such as cp.example, without a port, or *.mesh.example for every name below, or * for any",
      where: HostRule.isName)
  }

  private func list(
    _ setting: Setting, of kind: String, _ advice: String, where isValid: (String) -> Bool
  ) throws -> [String] {
    let items = list(setting)
    for item in items where !isValid(item) {
      throw ControlPlaneConfiguration.Failure(
        description: "\(value(setting).place): \"\(item)\" is no \(kind); \(advice)")
    }
    return items
  }

  func count(_ setting: Setting, from minimum: Int) throws -> Int {
    let (text, place) = value(setting)
    guard let count = Int(text), count >= minimum, count <= 1 << 40 else {
      throw ControlPlaneConfiguration.Failure(
        description: "\(place): \"\(text)\" is no number; give a whole one from \(minimum) on")
    }
    return count
  }

  /// Bytes: `4GiB`, `10MiB`, `64KiB` or a plain number.
  func size(_ setting: Setting, from minimum: Int) throws -> Int {
    let (text, place) = value(setting)
    let units: [(suffix: String, bytes: Int)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)]
    for unit in units where text.hasSuffix(unit.suffix) {
      guard let number = Int(text.dropLast(unit.suffix.count)) else { continue }
      let (bytes, isBeyond) = number.multipliedReportingOverflow(by: unit.bytes)
      if !isBeyond, bytes >= minimum { return bytes }
    }
    throw ControlPlaneConfiguration.Failure(
      description: "\(place): \"\(text)\" is no size; give one such as 64KiB, 10MiB or 4GiB, at least \(minimum) bytes")
  }
}
