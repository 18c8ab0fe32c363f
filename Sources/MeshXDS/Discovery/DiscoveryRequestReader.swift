import EnvoyAPI
import Foundation
import MeshModel
import SwiftProtobuf

/// Decodes only those parts of discovery requests that are used, within limits.
///
/// Generated code decodes everything into objects: a message of 16 MiB becomes many times as large. For example, Envoy's
/// node lists all its extensions, which nothing here uses.
public struct DiscoveryRequestReader: Sendable {
  /// The limits of one request.
  public struct Limits: Sendable {
    /// Names of resources; excess names are dropped, and ``DiscoveryStreamRequest/isCut`` is set.
    public var names = 65_536
    /// Bytes of the names of resources and of their versions.
    public var nameBytes = 4 << 20
    /// Bytes of the Dataplane in a node's metadata.
    public var dataplaneBytes = 1 << 20
    /// Bytes of any other string, and of other used parts of a node.
    public var textBytes = 64 << 10

    /// The default limits.
    public init() {}
  }

  /// A request cannot be decoded.
  public struct Failure: Error, Sendable {
    /// Why, and what to do.
    public let message: String
  }

  /// The parts of a node's metadata that are used.
  static let metadataKeys: Set<String> = [
    "dataplane.resource", "dataplane.admin.port", "version", ProxyMetadata.reportRuntime, operatorsKey,
  ]

  /// Values that the operator adds. They are dropped if they are large, since nothing depends on them.
  private static let operatorsKey = "dynamicMetadata"

  private let limits: Limits

  /// Makes a reader.
  public init(limits: Limits = Limits()) { self.limits = limits }

  /// Decodes a message of a variant of the protocol.
  public func read(_ bytes: UnsafeRawBufferPointer, _ variant: DiscoveryVariant) throws(Failure)
    -> DiscoveryStreamRequest
  {
    do {
      return try request(bytes, variant)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(message: "the request cannot be decoded: it is not a message of the discovery protocol")
    }
  }

  // The field numbers of `DiscoveryRequest` and `DeltaDiscoveryRequest` of Envoy's v3 API.
  private func request(
    _ bytes: UnsafeRawBufferPointer, _ variant: DiscoveryVariant
  ) throws -> DiscoveryStreamRequest {
    var names = Names(limits)
    var unsubscribed = Names(limits)
    var versions: [String: String] = [:]
    var result = DiscoveryStreamRequest(typeURL: "", interest: .all(names: [], version: ""))
    var version = ""
    var reader = WireReader(bytes)
    while let field = try reader.next() {
      guard let content = field.bytes else { continue }
      switch (variant, field.number) {
      case (.stateOfTheWorld, 1): version = try text(content, "version_info")
      case (.stateOfTheWorld, 2), (.incremental, 1): result.node = try node(content)
      case (_, 3): try names.add(content)
      case (.stateOfTheWorld, 4), (.incremental, 2): result.typeURL = try text(content, "type_url")
      case (.incremental, 4): try unsubscribed.add(content)
      case (.incremental, 5):
        let (name, version) = try entry(content)
        guard names.admits(name.count + version.count) else { continue }
        versions[try string(name)] = try string(version)
      case (.stateOfTheWorld, 5), (.incremental, 6): result.nonce = try text(content, "response_nonce")
      case (.stateOfTheWorld, 6), (.incremental, 7): result.rejection = try rejection(content)
      default: break
      }
    }
    result.isCut = names.isCut
    switch variant {
    case .stateOfTheWorld: result.interest = .all(names: names.list, version: version)
    case .incremental:
      result.interest = .change(subscribe: names.list, unsubscribe: unsubscribed.list, initialVersions: versions)
    }
    return result
  }

  /// Names up to a limit.
  private struct Names {
    private let limits: Limits
    private var bytes = 0
    private var count = 0
    private(set) var list: [String] = []
    private(set) var isCut = false

    init(_ limits: Limits) { self.limits = limits }

    /// Whether one more name of this length is within the limits.
    mutating func admits(_ length: Int) -> Bool {
      guard count < limits.names, length <= limits.nameBytes - bytes else {
        isCut = true
        return false
      }
      count += 1
      bytes += length
      return true
    }

    mutating func add(_ content: UnsafeRawBufferPointer) throws {
      if admits(content.count) { list.append(try string(content)) }
    }
  }

  /// The name and the version of an entry of `initial_resource_versions`.
  private func entry(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    var entry = (key: none, value: none)
    var reader = WireReader(bytes)
    while let field = try reader.next() {
      switch field.number {
      case 1: entry.key = field.bytes ?? none
      case 2: entry.value = field.bytes ?? none
      default: break
      }
    }
    return entry
  }

  /// The message of a `google.rpc.Status`.
  private func rejection(_ bytes: UnsafeRawBufferPointer) throws -> String {
    var message = ""
    var reader = WireReader(bytes)
    while let field = try reader.next() {
      if field.number == 2, let content = field.bytes {
        // Of any length; it is truncated where it is stored.
        message = String(decoding: content.prefix(limits.textBytes), as: UTF8.self)
      }
    }
    return message
  }

  private func node(_ bytes: UnsafeRawBufferPointer) throws -> Envoy_Config_Core_V3_Node {
    var node = Envoy_Config_Core_V3_Node()
    var reader = WireReader(bytes)
    while let field = try reader.next() {
      guard let content = field.bytes else { continue }
      switch field.number {
      case 1: node.id = try text(content, "node.id")
      case 3: node.metadata = try metadata(content)
      case 8:
        guard content.count <= limits.textBytes else {
          throw tooLong("node.user_agent_build_version", limits.textBytes)
        }
        node.userAgentBuildVersion = try Envoy_Config_Core_V3_BuildVersion(serializedBytes: Data(content))
      default: break
      }
    }
    return node
  }

  private func metadata(_ bytes: UnsafeRawBufferPointer) throws -> Google_Protobuf_Struct {
    var metadata = Google_Protobuf_Struct()
    var reader = WireReader(bytes)
    while let field = try reader.next() {
      guard field.number == 1, let content = field.bytes else { continue }
      let (key, value) = try entry(content)
      guard key.count < 64, let name = String(validating: key, as: UTF8.self), Self.metadataKeys.contains(name) else {
        continue
      }
      // A string follows its tag and its length.
      let limit = name == "dataplane.resource" ? limits.dataplaneBytes + 8 : limits.textBytes
      guard value.count <= limit else {
        if name == Self.operatorsKey { continue }
        throw tooLong("node.metadata.\(name)", limit)
      }
      metadata.fields[name] = try Google_Protobuf_Value(serializedBytes: Data(value))
    }
    return metadata
  }

  private func text(_ bytes: UnsafeRawBufferPointer, _ field: String) throws -> String {
    guard bytes.count <= limits.textBytes else { throw tooLong(field, limits.textBytes) }
    return try string(bytes)
  }

  private func tooLong(_ field: String, _ limit: Int) -> Failure {
    Failure(message: "\(field) is larger than \(limit) bytes")
  }
}

/// A protobuf string, which must be UTF-8.
private func string(_ bytes: UnsafeRawBufferPointer) throws(WireReader.Failure) -> String {
  guard let text = String(validating: bytes, as: UTF8.self) else { throw WireReader.Failure() }
  return text
}
