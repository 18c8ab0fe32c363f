public import MeshModel

/// The configuration of the HTTP API, and the facts about the control plane that it shows.
public struct APIConfiguration: Sendable {
  /// The name of the machine, shown by `GET /`.
  public var hostname: String
  /// The version of the control plane.
  public var version: String
  /// Identifies this run of the control plane.
  public var instanceId: String
  /// Identifies the control plane's store; stays the same over restarts. Empty while it is not known yet.
  public var clusterId: @Sendable () -> String
  /// The zone that every proxy's `kuma.io/zone` tag is set to; empty to leave the tag alone.
  public var zone: String
  /// Whether resources cannot be written over HTTP.
  public var isReadOnly: Bool
  /// Why resources cannot be written over HTTP, and what to do instead.
  public var readOnlyReason: String
  /// The object of a cluster in which a resource is kept; `nil` when there is none. It is the Kubernetes form of the resource.
  public var object: @Sendable (ResourceKey) -> DocumentValue?
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

  /// The reason in a control plane that was told to be read-only.
  public static let readOnlyBySetting =
    "This control plane is read-only: resources cannot be changed over its HTTP API."
  /// The reason on Kubernetes. The first sentence is Kuma's.
  public static let readOnlyOnKubernetes =
    "On Kubernetes you cannot change the state of Kuma resources with 'kumactl apply' or via the HTTP API. "
    + "Use 'kubectl apply' and 'kubectl delete' instead; everything can be read here."

  /// Makes a configuration.
  public init(
    hostname: String, version: String, instanceId: String,
    clusterId: @autoclosure @escaping @Sendable () -> String, zone: String = "default",
    isReadOnly: Bool = false, readOnlyReason: String = APIConfiguration.readOnlyBySetting,
    object: @escaping @Sendable (ResourceKey) -> DocumentValue? = { _ in nil },
    bodyLimit: Int = APIConfiguration.defaultBodyLimit, effective: DocumentValue = [:],
    versions: DocumentValue = [:], isOwnCollector: @escaping @Sendable (CollectorURL) -> Bool = { _ in false }
  ) {
    self.hostname = hostname
    self.version = version
    self.instanceId = instanceId
    self.clusterId = clusterId
    self.zone = zone
    self.isReadOnly = isReadOnly
    self.readOnlyReason = readOnlyReason
    self.object = object
    self.bodyLimit = bodyLimit
    self.effective = effective
    self.versions = versions
    self.isOwnCollector = isOwnCollector
  }
}
