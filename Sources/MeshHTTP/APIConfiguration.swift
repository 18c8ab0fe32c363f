public import MeshModel

/// The configuration of the HTTP API, and the facts about the control plane that it shows.
public struct APIConfiguration: Sendable {
  /// The name of the machine, shown by `GET /`.
  public var hostname: String
  /// The version of the control plane.
  public var version: String
  /// Identifies this run of the control plane.
  public var instanceId: String
  /// Identifies the control plane's store; stays the same over restarts.
  public var clusterId: String
  /// The zone that every proxy's `kuma.io/zone` tag is set to; empty to leave the tag alone.
  public var zone: String
  /// Whether resources cannot be written over HTTP.
  public var isReadOnly: Bool
  /// The largest body accepted, in bytes; a larger one is answered with 413.
  public var bodyLimit: Int
  /// What `GET /config` shows: the effective configuration, with secrets already masked.
  public var effective: DocumentValue
  /// What `GET /versions` shows: the Envoy versions that each kuma-dp version supports.
  public var versions: DocumentValue
  /// Whether a backend's URL leads to this control plane's own collector, which corrects reversed span ids.
  public var isOwnCollector: @Sendable (CollectorURL) -> Bool

  /// The default size limit of a body: 4 MiB.
  public static let defaultBodyLimit = 4 << 20

  /// Makes a configuration.
  public init(
    hostname: String, version: String, instanceId: String, clusterId: String, zone: String = "default",
    isReadOnly: Bool = false, bodyLimit: Int = APIConfiguration.defaultBodyLimit, effective: DocumentValue = [:],
    versions: DocumentValue = [:], isOwnCollector: @escaping @Sendable (CollectorURL) -> Bool = { _ in false }
  ) {
    self.hostname = hostname
    self.version = version
    self.instanceId = instanceId
    self.clusterId = clusterId
    self.zone = zone
    self.isReadOnly = isReadOnly
    self.bodyLimit = bodyLimit
    self.effective = effective
    self.versions = versions
    self.isOwnCollector = isOwnCollector
  }
}
