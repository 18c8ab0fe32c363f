public import MeshModel
import OrderedCollections

/// Writes the configuration that an Envoy starts with: its identity and the address of its control plane. Everything else
/// comes from the control plane.
public struct BootstrapRenderer: Sendable {
  /// The id of Envoy's node: `<mesh>.<name>`. A mesh name contains no dot.
  public var nodeID: String
  /// The service that identifies the proxy; Zipkin spans carry it as the service's name.
  public var service: String
  /// The control plane's host: a name or an IP address without brackets.
  public var host: String
  /// The control plane's port.
  public var port: UInt16
  /// Whether the control plane is reached over TLS.
  public var isTLS: Bool
  /// The certificate authority, in PEM, that verifies the control plane's certificate; empty for no verification.
  public var trustedCA: String
  /// The port of Envoy's administration interface on the loopback address; 0 for none.
  public var adminPort: UInt32
  /// Whether Envoy uses delta xDS.
  public var usesDelta: Bool
  /// Whether Envoy reads the token from its file, if the request names one and the Envoy can.
  public var reloadsToken: Bool
  /// How often Envoy sends its statistics to the control plane; `nil` for never.
  public var metricsInterval: Duration?
  /// The proxy's bootstrap request.
  public var request: BootstrapRequest

  /// Makes a renderer for one proxy.
  public init(
    request: BootstrapRequest, service: String, host: String, port: UInt16, isTLS: Bool, trustedCA: String = "",
    adminPort: UInt32 = 0, usesDelta: Bool = false, reloadsToken: Bool = false
  ) {
    self.request = request
    self.nodeID = "\(request.mesh).\(request.name)"
    self.service = service
    self.host = host
    self.port = port
    self.isTLS = isTLS
    self.trustedCA = trustedCA
    self.adminPort = adminPort
    self.usesDelta = usesDelta
    self.reloadsToken = reloadsToken
  }

  /// The address at which the administration interface listens.
  public static let adminAddress = "127.0.0.1"
  /// The name of the control plane's cluster.
  public static let discoveryCluster = "ads_cluster"

  /// The bootstrap document. Envoy accepts YAML and JSON.
  public func render() -> DocumentValue {
    var bootstrap: DocumentValue.Object = [:]
    if adminPort != 0 { bootstrap["admin"] = admin }
    bootstrap["dynamicResources"] = dynamicResources
    bootstrap["layeredRuntime"] = [
      "layers": [
        [
          "name": "kuma",
          // Envoy accepts regular expressions of any size and warns about large ones. Source: Kuma 2.7.
          "staticLayer": [
            "re2.max_program_size.error_level": 4_294_967_295, "re2.max_program_size.warn_level": 1000,
          ],
        ],
        Self.reportingLayer,
        // A later layer has precedence. `kuma-dp` writes to this one before Envoy ends.
        ["adminLayer": [:], "name": "admin"],
      ]
    ]
    bootstrap["node"] = ["cluster": .string(service), "id": .string(nodeID), "metadata": metadata]
    bootstrap["staticResources"] = ["clusters": [cluster]]
    bootstrap["statsConfig"] = ["statsTags": .array(Self.statsTags)]
    if let metricsInterval {
      bootstrap["statsFlushInterval"] = .string("\(max(1, metricsInterval.components.seconds))s")
      bootstrap["statsSinks"] = [metricsSink]
    }
    return .object(bootstrap)
  }

  /// The values by which tracers report spans, which the control plane changes. Envoy fetches them before listeners; a control
  /// plane that does not know them must not hold it up for ever.
  private static var reportingLayer: DocumentValue {
    let name = DocumentValue.string(ReportingMode.name)
    return [
      "name": name,
      "rtdsLayer": [
        "name": name,
        "rtdsConfig": ["ads": [:], "initialFetchTimeout": "5s", "resourceApiVersion": "V3"],
      ],
    ]
  }

  private var admin: DocumentValue {
    [
      "accessLog": [
        [
          "name": "envoy.access_loggers.file",
          "typedConfig": [
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "/dev/null",
          ],
        ]
      ],
      "address": Self.socket(Self.adminAddress, adminPort),
    ]
  }

  private var dynamicResources: DocumentValue {
    // Envoy waits for its first configuration without a limit: it must not serve without one.
    let overStream: DocumentValue = ["ads": [:], "initialFetchTimeout": "0s", "resourceApiVersion": "V3"]
    return [
      "adsConfig": [
        "apiType": .string(usesDelta ? "DELTA_GRPC" : "GRPC"), "grpcServices": [controlPlane],
        "setNodeOnFirstMessageOnly": true, "transportApiVersion": "V3",
      ],
      "cdsConfig": overStream, "ldsConfig": overStream,
    ]
  }

  /// The control plane as a service of gRPC, with the token if Envoy does not read it from a file.
  private var controlPlane: DocumentValue {
    var service: DocumentValue.Object = ["envoyGrpc": ["clusterName": .string(Self.discoveryCluster)]]
    if !request.dataplaneToken.isEmpty, tokenFile == nil {
      service["initialMetadata"] = [["key": "authorization", "value": .string(request.dataplaneToken)]]
    }
    return .object(service)
  }

  /// Sends Envoy's statistics to the control plane, all of them: there is no filter.
  private var metricsSink: DocumentValue {
    [
      "name": "envoy.stat_sinks.metrics_service",
      "typedConfig": [
        "@type": "type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig", "grpcService": controlPlane,
        "transportApiVersion": "V3",
      ],
    ]
  }

  /// The file from which Envoy reads the token whenever it connects; `nil` if the token of the request is used for ever.
  private var tokenFile: TokenFile? {
    reloadsToken ? TokenFile(request.dataplaneTokenPath, envoy: request.version.envoy) : nil
  }

  /// The node's metadata; numbers are strings, as Kuma's control planes expect. The token is not in it: every stream shows it as
  /// a header, and what a node says of itself is shown in many places.
  private var metadata: DocumentValue {
    var metadata: DocumentValue.Object = [:]
    if adminPort != 0 {
      metadata["dataplane.admin.address"] = .string(Self.adminAddress)
      metadata["dataplane.admin.port"] = .string(String(adminPort))
    }
    if request.dnsPort != 0 { metadata["dataplane.dns.port"] = .string(String(request.dnsPort)) }
    if request.emptyDNSPort != 0 { metadata["dataplane.dns.empty.port"] = .string(String(request.emptyDNSPort)) }
    metadata["dataplane.proxyType"] = .string(request.proxyType.isEmpty ? "dataplane" : request.proxyType)
    if !request.dataplaneResource.isEmpty { metadata["dataplane.resource"] = .string(request.dataplaneResource) }
    if !request.dynamicMetadata.isEmpty {
      var values: DocumentValue.Object = [:]
      for (key, value) in request.dynamicMetadata.sorted(by: { $0.key < $1.key }) { values[key] = .string(value) }
      metadata["dynamicMetadata"] = .object(values)
    }
    metadata["features"] = .array(request.features.map { .string($0) })
    let version = request.version
    var envoy: DocumentValue.Object = ["build": .string(version.envoyBuild), "version": .string(version.envoy)]
    if let isCompatible = version.isCompatible { envoy["kumaDpCompatible"] = .bool(isCompatible) }
    metadata["version"] = [
      "envoy": .object(envoy),
      "kumaDp": [
        "buildDate": .string(version.buildDate), "gitCommit": .string(version.gitCommit),
        "gitTag": .string(version.gitTag), "version": .string(version.kumaDp),
      ],
    ]
    metadata[ProxyMetadata.reportRuntime] = "1"
    if !request.workDirectory.isEmpty { metadata["workdir"] = .string(request.workDirectory) }
    return .object(metadata)
  }

  private var cluster: DocumentValue {
    let name = DocumentValue.string(Self.discoveryCluster)
    var cluster: DocumentValue.Object = [
      "connectTimeout": "1s",
      "loadAssignment": [
        "clusterName": name,
        "endpoints": [["lbEndpoints": [["endpoint": ["address": Self.socket(host, UInt32(port))]]]]],
      ],
      "name": name,
    ]
    if isTLS { cluster["transportSocket"] = transportSocket }
    cluster["type"] = .string(HostRules.isIP(host) ? "STATIC" : "STRICT_DNS")
    // For a name with both kinds of addresses, such as `localhost`, Envoy would use the IPv6 address only.
    if !HostRules.isIP(host) { cluster["dnsLookupFamily"] = "ALL" }
    var options: DocumentValue.Object = [
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      // Keepalives, of HTTP/2 and of TCP, detect a control plane that disappeared without closing the connection.
      "explicitHttpConfig": [
        "http2ProtocolOptions": ["connectionKeepalive": ["interval": "15s", "timeout": "10s"]]
      ],
    ]
    if let tokenFile { options["httpFilters"] = tokenFile.filters }
    cluster["typedExtensionProtocolOptions"] = [
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": .object(options)
    ]
    cluster["upstreamConnectionOptions"] = [
      "tcpKeepalive": ["keepaliveInterval": 10, "keepaliveProbes": 3, "keepaliveTime": 10]
    ]
    return .object(cluster)
  }

  private var transportSocket: DocumentValue {
    let isIP = HostRules.isIP(host)
    var context: DocumentValue.Object = ["tlsParams": ["tlsMinimumProtocolVersion": "TLSv1_2"]]
    if !trustedCA.isEmpty {
      context["validationContext"] = [
        "matchTypedSubjectAltNames": [
          ["matcher": ["exact": .string(host)], "sanType": .string(isIP ? "IP_ADDRESS" : "DNS")]
        ],
        "trustedCa": ["inlineString": .string(trustedCA)],
      ]
    }
    var tls: DocumentValue.Object = [
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
      "commonTlsContext": .object(context),
    ]
    // An IP address is not a valid server name (RFC 6066, section 3).
    if !isIP { tls["sni"] = .string(host) }
    return ["name": "envoy.transport_sockets.tls", "typedConfig": .object(tls)]
  }

  private static func socket(_ address: String, _ port: UInt32) -> DocumentValue {
    ["socketAddress": ["address": .string(address), "portValue": .integer(Int64(port))]]
  }

  /// Parts of statistics names that become tags. Source of the names: Kuma 2.7.
  private static let statsTags: [DocumentValue] = [
    ["regex": #"^grpc\.((.+)\.)"#, "tagName": "name"],
    ["regex": #"^grpc.*streams_closed(_([0-9]+))"#, "tagName": "status"],
    ["regex": #"^kafka(\.(\S*[0-9]))\."#, "tagName": "kafka_name"],
    ["regex": #"^kafka\..*\.(.*?(?=_duration|$))"#, "tagName": "kafka_type"],
    ["regex": #"(worker_([0-9]+)\.)"#, "tagName": "worker"],
    ["regex": #"((.+?)\.)rbac\."#, "tagName": "listener"],
  ]
}
