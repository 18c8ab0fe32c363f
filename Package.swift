// swift-tools-version:6.2

import PackageDescription

/// Settings of every target: strict language features, and warnings as errors outside generated code.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

/// Settings of targets that hold generated code only.
let generated: [SwiftSetting] = [.swiftLanguageMode(.v6)]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
// Each collection by its own product: the product of all of them compiles three modules that nothing here uses.
let collections: Target.Dependency = .product(name: "OrderedCollections", package: "swift-collections")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let grpcCore: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcHTTP2: Target.Dependency = .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let jwtKit: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let serviceLifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

/// The page of the collector: what browsers get, as it stands.
let pageFiles = [
  "app.css", "app.js", "canary.js", "compare.js", "details.js", "dom.js", "file.js", "filters.js", "format.js",
  "graph.js", "hands.js", "icon.svg", "index.html", "keys.js", "layout.js", "list.js", "mesh.js", "model.js", "plot.js",
  "privacy.js",
  "search.js", "search-keys.js", "search-state.js", "search-view.js", "senders.js", "services.js", "session.js",
  "sign-in.js",
  "standalone.js", "start.js",
  "timeline.js", "trace.js", "views.css", "waterfall.js", "waterfall-keys.js", "waterfall-state.js",
  "waterfall-view.js",
]

/// The Helm chart in `deploy/`, which `kumactl install` prints.
let chartFiles = [
  "Chart.yaml", "values.yaml", "values.schema.json", "templates/_helpers.tpl", "templates/certificate-authority.yaml",
  "templates/deployment.yaml",
  "templates/namespace.yaml", "templates/network-policy.yaml", "templates/pod-disruption-budget.yaml",
  "templates/rbac.yaml", "templates/service-account.yaml", "templates/service.yaml", "templates/webhooks.yaml",
  "crds/dataplaneinsights.yaml", "crds/dataplanes.yaml", "crds/meshes.yaml", "crds/traffictraces.yaml",
]

let package = Package(
  name: "kuma-trace",
  products: [
    .executable(name: "kuma-cp", targets: ["kuma-cp"]),
    .executable(name: "kuma-dp", targets: ["kuma-dp"]),
    .executable(name: "kumactl", targets: ["kumactl"]),
    .executable(name: "kuma-demo", targets: ["kuma-demo"]),
    // Nothing to be used by others: only products can be reached from Benchmarks/, which is a package of its own.
    .library(
      name: "BenchmarkedStages",
      targets: [
        "HTTPService", "MeshModel", "MeshPolicy", "MeshStore", "MeshStoreSQL", "MeshStorePostgres", "EnvoyAPI",
        "MeshXDS",
        "TraceModel", "TraceFormats", "TraceStore", "TraceAnalysis", "TraceHTTP", "BrowserTestSupport",
        "PostgresTestSupport", "MeshClient", "ProcessSupervisor",
        "ProxySimulation",
      ]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
  ],
  targets: [
    // MARK: Foundation
    .target(name: "JSONText", swiftSettings: strict),
    .target(name: "StableHash", swiftSettings: strict),
    .target(name: "SecretPatterns", swiftSettings: strict),
    .target(name: "Backoff", swiftSettings: strict),
    .target(name: "Systemd", swiftSettings: strict),
    .target(name: "SystemErrors", swiftSettings: strict),
    .target(name: "Notifications", swiftSettings: strict),
    .target(name: "FileWatch", dependencies: ["Notifications"], swiftSettings: strict),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "Deflate", dependencies: ["CZlib"], swiftSettings: strict),
    .target(name: "PrometheusMetrics", dependencies: [coreMetrics], swiftSettings: strict),

    // MARK: Domain
    .target(name: "Documents", dependencies: ["JSONText", yams, collections], swiftSettings: strict),
    .target(
      name: "MeshModel", dependencies: ["Documents", "JSONText", "SecretPatterns", collections], swiftSettings: strict),
    .target(name: "TraceHeaders", swiftSettings: strict),
    .target(name: "MeshPolicy", dependencies: ["MeshModel", "TraceHeaders", collections], swiftSettings: strict),
    .target(name: "MeshStore", dependencies: ["MeshModel", "Notifications"], swiftSettings: strict),
    .target(name: "ProxyEvidence", dependencies: ["Documents", "JSONText", collections], swiftSettings: strict),
    .target(
      name: "TracingDiagnosis", dependencies: ["MeshModel", "MeshPolicy", "ProxyEvidence"], swiftSettings: strict),
    .target(name: "GroupCommit", swiftSettings: strict),
    .target(name: "SQLiteFiles", dependencies: ["SystemErrors", grdb], swiftSettings: strict),
    .target(name: "BackupArchive", dependencies: ["Documents", "SystemErrors", crypto], swiftSettings: strict),
    .target(
      name: "MeshStoreSQL", dependencies: ["GroupCommit", "MeshStore", "MeshModel", "SQLiteFiles", grdb],
      swiftSettings: strict),

    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(
      name: "MeshStorePostgres",
      dependencies: ["Backoff", "CLibPQ", "GroupCommit", "MeshStore", "MeshModel", "StableHash"],
      swiftSettings: strict),

    .target(name: "ChartTemplates", dependencies: ["Documents", collections], swiftSettings: strict),

    // MARK: Envoy
    .target(name: "EnvoyAPI", dependencies: [protobuf], swiftSettings: generated),
    .target(
      name: "MeshXDS", dependencies: ["MeshModel", "MeshPolicy", "EnvoyAPI", collections, protobuf, crypto],
      swiftSettings: strict),

    .target(
      name: "MeshControl",
      dependencies: [
        "Documents", "LogLimits", "MeshModel", "MeshPolicy", "MeshStore", "MeshXDS", "Notifications", "ProxyEvidence",
        heap, logging, serviceLifecycle,
      ],
      swiftSettings: strict),

    // MARK: Kubernetes
    .target(
      name: "KubernetesAPI",
      dependencies: [
        "Backoff", "ConnectionFaults", "Documents", "Notifications", "ProcessSupervisor", "SystemErrors",
        asyncHTTPClient,
        collections, logging, nioCore, nioHTTP1, nioSSL, serviceLifecycle,
      ],
      swiftSettings: strict),
    .target(
      name: "MeshKubernetes",
      dependencies: [
        "Backoff", "Certificates", "Documents", "KubernetesAPI", "MeshModel", "MeshPolicy", "TransparentProxy",
        deque, heap, collections, crypto,
      ],
      swiftSettings: strict),
    .target(
      name: "MeshStoreKubernetes",
      dependencies: ["Documents", "KubernetesAPI", "MeshModel", "MeshStore", collections, logging, serviceLifecycle],
      swiftSettings: strict),

    // MARK: Traces
    .target(name: "TraceModel", dependencies: ["SecretPatterns"], swiftSettings: strict),
    .target(name: "TraceFormats", dependencies: ["JSONText", "TraceModel"], swiftSettings: strict),
    .target(
      name: "TraceStore",
      dependencies: [
        "Deflate", "GroupCommit", "PrometheusMetrics", "SecretPatterns", "SQLiteFiles", "TraceModel", heap, grdb,
      ],
      swiftSettings: strict),
    .target(name: "TraceAnalysis", dependencies: ["StableHash", "TraceHeaders", "TraceModel"], swiftSettings: strict),

    // MARK: Edges
    .target(
      name: "ProgramSettings", dependencies: ["MeshModel", argumentParser, collections, configuration],
      swiftSettings: strict),
    .target(name: "LogLimits", swiftSettings: strict),
    .target(name: "ProgramLog", dependencies: ["LogLimits", "MeshModel", logging], swiftSettings: strict),
    .target(
      name: "HTTPService",
      dependencies: [
        "LogLimits", "SecretPatterns", "Systemd", httpTypes, logging, nioCore, nioHPACK, nioHTTP1, nioHTTP2, nioPosix,
        nioSSL, nioTLS, serviceLifecycle,
      ],
      swiftSettings: strict),
    .target(
      name: "MeshHTTP",
      dependencies: [
        "HTTPService", "MeshAccess", "MeshModel", "MeshStore", "MeshPolicy", "ProxyEvidence", "TracingDiagnosis",
        collections, httpTypes,
      ],
      swiftSettings: strict),
    .target(
      name: "TracingInspection",
      dependencies: [
        "MeshHTTP", "MeshModel", "MeshPolicy", "MeshStore", "MeshXDS", "ProxyEvidence", "TracingDiagnosis",
        serviceLifecycle,
      ],
      swiftSettings: strict),
    .target(
      name: "TraceHTTP",
      dependencies: [
        "Deflate", "HTTPService", "JSONText", "PrometheusMetrics", "StableHash", "TraceAnalysis", "TraceFormats",
        "TraceHeaders", "TraceModel",
        "TraceStore", httpTypes,
      ],
      resources: pageFiles.map { .embedInCode("Page/\($0)") }, swiftSettings: strict),
    .target(
      name: "ConnectionFaults",
      dependencies: ["Documents", "SystemErrors", asyncHTTPClient, nioCore, nioPosix, nioSSL], swiftSettings: strict),
    .target(
      name: "MeshClient",
      dependencies: [
        "ConnectionFaults", "MeshModel", "SystemErrors", asyncHTTPClient, mustache, nioCore, nioHTTP1, nioPosix, nioSSL,
      ],
      swiftSettings: strict),
    .target(
      name: "Certificates",
      dependencies: [
        "Documents", "FileWatch", "Notifications", "SystemErrors", crypto, logging, nioCore, nioSSL, serviceLifecycle,
        x509,
      ],
      swiftSettings: strict),
    .target(
      name: "MeshAccess", dependencies: ["Documents", "MeshModel", collections, crypto, cryptoExtras, jwtKit],
      swiftSettings: strict),
    .target(
      name: "AccessHTTP",
      dependencies: ["HTTPService", "JSONText", "MeshAccess", "MeshModel", crypto, httpTypes, logging],
      swiftSettings: strict),
    .target(
      name: "MeshTransport",
      dependencies: [
        "Deflate", "EnvoyAPI", "HTTPService", "MeshModel", "MeshXDS", "ProxyEvidence", grpcCore,
        grpcHTTP2,
        httpTypes, logging, nioCore, nioHPACK, nioHTTP2, nioPosix, protobuf, serviceLifecycle,
        x509,
      ],
      swiftSettings: strict),
    .target(
      name: "BoundedHTTPClient",
      dependencies: [
        "ConnectionFaults", "SystemErrors", asyncHTTPClient, nioCore, nioHTTP1, nioPosix, nioSSL, serviceLifecycle,
      ],
      swiftSettings: strict),
    .target(
      name: "EnvoyInspection",
      dependencies: [
        "BoundedHTTPClient", "MeshHTTP", "MeshModel", "MeshPolicy", "MeshXDS", asyncHTTPClient, nioCore, nioHTTP1,
        nioSSL, serviceLifecycle,
      ],
      swiftSettings: strict),
    .target(
      name: "ReceiverInspection",
      dependencies: [
        "BoundedHTTPClient", "MeshControl", "MeshModel", "MeshPolicy", asyncHTTPClient, nioCore, nioHTTP1, nioPosix,
        nioSSL, serviceLifecycle,
      ],
      swiftSettings: strict),
    .target(name: "ProcessSupervisor", dependencies: ["CSpawn", "SystemErrors"], swiftSettings: strict),
    .target(name: "CSpawn"),
    .target(name: "CProcess"),

    // MARK: Programs
    .executableTarget(
      name: "kuma-cp",
      dependencies: [
        "AccessHTTP", "MeshAccess", "Backoff", "BackupArchive", "BoundedHTTPClient", "Certificates", "ConnectionFaults",
        "Documents", "FileWatch", "Notifications", "SQLiteFiles",
        "KubernetesAPI", "MeshKubernetes",
        "MeshModel", "MeshPolicy",
        "MeshStore",
        "MeshStoreKubernetes",
        "MeshStoreSQL", "MeshStorePostgres", "MeshXDS", "MeshControl", "MeshHTTP",
        "MeshTransport", "EnvoyInspection", "ReceiverInspection", "HTTPService", "JSONText", "ProgramLog",
        "ProgramSettings", "ProxyEvidence",
        "PrometheusMetrics", "SystemErrors", "Systemd", "TraceModel",
        "TraceStore",
        "TraceAnalysis", "TraceHTTP", "TracingDiagnosis", "TracingInspection", "CProcess", argumentParser,
        asyncHTTPClient,
        collections, httpTypes, logging, nioCore, nioHTTP1, nioPosix, nioSSL, serviceLifecycle,
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "kuma-dp",
      dependencies: [
        "Backoff", "MeshModel", "MeshClient", "ProcessSupervisor", "ProgramLog", "ProgramSettings", "ProxyEvidence",
        "CProcess", "SystemErrors",
        "Systemd", argumentParser,
        collections, logging,
      ],
      swiftSettings: strict),
    .target(
      name: "TransparentProxy", dependencies: ["ProcessSupervisor", "SystemErrors"],
      swiftSettings: strict),
    .target(
      name: "PodNetwork",
      dependencies: [
        "Documents", "KubernetesAPI", "ProcessSupervisor", "SystemErrors", asyncHTTPClient, collections, logging,
        nioCore,
        nioHTTP1, nioPosix, nioSSL,
      ],
      swiftSettings: strict),
    .target(name: "DemoShop", swiftSettings: strict),
    .target(
      name: "KumactlCommands",
      dependencies: [
        "Backoff", "ChartTemplates", "DemoShop", "MeshAccess", "MeshModel", "MeshClient", "SystemErrors",
        "TraceFormats",
        "TraceModel", "TransparentProxy", argumentParser, collections,
      ],
      resources: chartFiles.map { .embedInCode("Chart/\($0)") }, swiftSettings: strict),
    .executableTarget(
      name: "kumactl", dependencies: ["KumactlCommands"], swiftSettings: strict,
      // A program for one command at a time: without a fixed address a third of its start is spent on relocations.
      linkerSettings: [.unsafeFlags(["-Xclang-linker", "-no-pie"], .when(configuration: .release))]),
    .executableTarget(
      name: "kuma-demo",
      dependencies: [
        "ConnectionFaults", "DemoShop", "Documents", "KubernetesAPI", "PodNetwork", "ProcessSupervisor", "CProcess",
        "SystemErrors", "TraceHeaders", argumentParser, asyncHTTPClient, collections,
        httpTypes, hummingbird,
        logging,
        nioCore,
        nioHTTP1,
      ],
      resources: [
        .embedInCode("Documents/dataplane.yaml"), .embedInCode("Documents/mesh.yaml"),
        .embedInCode("Documents/traffic-trace.yaml"), .embedInCode("Documents/traffic-trace-as-documented.yaml"),
        .embedInCode("Documents/kubernetes-mesh.yaml"), .embedInCode("Documents/kubernetes-traffic-trace.yaml"),
      ],
      swiftSettings: strict),

    // MARK: Not shipped
    .target(name: "TestSupport", dependencies: ["SystemErrors", logging], swiftSettings: strict),
    .target(
      name: "MeshTestSupport",
      dependencies: [
        "Documents", "MeshAccess", "MeshModel", "MeshStore", "MeshXDS", "Notifications", "TestSupport", collections,
      ],
      swiftSettings: strict),
    .target(
      name: "MeshHTTPTestSupport",
      dependencies: [
        "MeshHTTP", "MeshModel", "MeshPolicy", "MeshStore", "ProxyEvidence", "TracingDiagnosis", "TracingInspection",
      ],
      swiftSettings: strict),
    .target(
      name: "TraceTestSupport", dependencies: ["TestSupport", "TraceModel", "TraceStore"], swiftSettings: strict),
    .target(name: "BrowserTestSupport", dependencies: ["ProcessSupervisor"], swiftSettings: strict),
    .target(name: "PostgresTestSupport", dependencies: ["ProcessSupervisor"], swiftSettings: strict),
    .target(
      name: "KubernetesTestSupport", dependencies: ["ProcessSupervisor", "TestSupport", nioCore, nioPosix],
      swiftSettings: strict),
    .target(
      name: "LoopbackTestSupport", dependencies: [httpTypes, hummingbird, hummingbirdCore, logging, nioCore],
      swiftSettings: strict),
    .target(
      name: "ProxySimulation", dependencies: ["EnvoyAPI", "MeshModel", grpcCore, grpcHTTP2, nioPosix, protobuf],
      swiftSettings: strict),
    .testTarget(name: "DeflateTests", dependencies: ["Deflate"], swiftSettings: strict),
    .testTarget(
      name: "PrometheusMetricsTests", dependencies: ["PrometheusMetrics", coreMetrics], swiftSettings: strict),
    .testTarget(name: "JSONTextTests", dependencies: ["JSONText"], swiftSettings: strict),
    .testTarget(name: "NotificationsTests", dependencies: ["Notifications"], swiftSettings: strict),
    .testTarget(name: "BackoffTests", dependencies: ["Backoff"], swiftSettings: strict),
    .testTarget(name: "SystemdTests", dependencies: ["Systemd", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "StableHashTests", dependencies: ["StableHash"], swiftSettings: strict),
    .testTarget(
      name: "SecretPatternsTests", dependencies: ["SecretPatterns", "TraceTestSupport"], swiftSettings: strict),
    .testTarget(
      name: "DocumentsTests", dependencies: ["Documents", "MeshTestSupport", yams], swiftSettings: strict),
    .testTarget(
      name: "MeshModelTests", dependencies: ["Documents", "MeshModel", "MeshTestSupport", collections, yams],
      swiftSettings: strict),
    .testTarget(
      name: "MeshPolicyTests", dependencies: ["MeshModel", "MeshPolicy", "MeshTestSupport", collections],
      swiftSettings: strict),
    .testTarget(name: "ProxyEvidenceTests", dependencies: ["Documents", "ProxyEvidence"], swiftSettings: strict),
    .testTarget(
      name: "TracingDiagnosisTests",
      dependencies: ["Documents", "MeshModel", "MeshPolicy", "ProxyEvidence", "TestSupport", "TracingDiagnosis"],
      swiftSettings: strict),
    .testTarget(name: "GroupCommitTests", dependencies: ["GroupCommit", "MeshTestSupport"], swiftSettings: strict),
    .testTarget(
      name: "MeshStoreTests", dependencies: ["MeshModel", "MeshStore", "MeshTestSupport"], swiftSettings: strict),
    .testTarget(
      name: "MeshStoreSQLTests", dependencies: ["MeshModel", "MeshStore", "MeshStoreSQL", "MeshTestSupport", grdb],
      swiftSettings: strict),
    .testTarget(
      name: "MeshStorePostgresTests",
      dependencies: [
        "Backoff", "Certificates", "MeshModel", "MeshStore", "MeshStorePostgres", "MeshTestSupport",
        "PostgresTestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MeshXDSTests",
      dependencies: [
        "EnvoyAPI", "MeshModel", "MeshPolicy", "MeshTestSupport", "MeshXDS", "ProcessSupervisor", "ProxySimulation",
        protobuf,
      ],
      exclude: ["Goldens"], swiftSettings: strict),
    .testTarget(
      name: "MeshControlTests",
      dependencies: [
        "MeshControl", "MeshModel", "MeshPolicy", "MeshStore", "MeshTestSupport", "MeshXDS", "ProxyEvidence",
        "TestSupport", logging, serviceLifecycle,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MeshHTTPTests",
      dependencies: [
        "HTTPService", "MeshAccess", "MeshHTTP", "MeshHTTPTestSupport", "MeshModel", "MeshPolicy", "MeshStore",
        "MeshTestSupport", "ProxyEvidence", "TracingDiagnosis", "TracingInspection",
        collections, httpTypes,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ProgramSettingsTests", dependencies: ["MeshModel", "ProgramSettings", argumentParser],
      swiftSettings: strict),
    .testTarget(
      name: "HTTPServiceTests",
      dependencies: [
        "Certificates", "HTTPService", "MeshTestSupport", httpTypes, logging, nioCore, nioEmbedded, nioHPACK, nioHTTP1,
        nioHTTP2, nioPosix, nioSSL, serviceLifecycle,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MeshClientTests",
      dependencies: [
        "LoopbackTestSupport", "MeshClient", "MeshModel", "MeshTestSupport", httpTypes,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TraceModelTests", dependencies: ["SecretPatterns", "TraceModel", "TraceTestSupport"], swiftSettings: strict
    ),
    .testTarget(
      name: "TraceFormatsTests", dependencies: ["TestSupport", "TraceFormats", "TraceModel", "TraceTestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "TraceStoreTests",
      dependencies: [
        "PrometheusMetrics", "TestSupport", "TraceFormats", "TraceModel", "TraceStore", "TraceTestSupport", grdb,
      ],
      exclude: ["Databases"], swiftSettings: strict),
    .testTarget(
      name: "TraceAnalysisTests", dependencies: ["TestSupport", "TraceAnalysis", "TraceModel", "TraceTestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "TraceHTTPTests",
      dependencies: [
        "BrowserTestSupport", "Deflate", "HTTPService", "JSONText", "KumactlCommands", "LoopbackTestSupport",
        "MeshClient", "MeshModel", "TestSupport",
        "ProcessSupervisor",
        "PrometheusMetrics",
        "TraceAnalysis",
        "TraceFormats", "TraceHTTP", "TraceModel", "TraceStore", "TraceTestSupport", grdb, httpTypes, logging, nioPosix,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ProcessSupervisorTests", dependencies: ["ProcessSupervisor", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "SystemErrorsTests", dependencies: ["SystemErrors"], swiftSettings: strict),
    .testTarget(
      name: "MeshAccessTests",
      dependencies: ["MeshAccess", "MeshModel", "MeshTestSupport", "TestSupport", crypto, cryptoExtras, jwtKit],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "AccessHTTPTests",
      dependencies: ["AccessHTTP", "HTTPService", "MeshAccess", "MeshTestSupport", "TestSupport", httpTypes],
      swiftSettings: strict),
    .testTarget(
      name: "CertificatesTests",
      dependencies: ["Certificates", "TestSupport", logging, nioCore, nioSSL, serviceLifecycle, x509],
      swiftSettings: strict),
    .testTarget(
      name: "MeshTransportTests",
      dependencies: [
        "Certificates",
        "Deflate", "EnvoyAPI", "HTTPService", "MeshModel", "MeshTestSupport", "MeshTransport", "MeshXDS",
        "ProcessSupervisor", "ProxyEvidence", grpcCore,
        grpcHTTP2, httpTypes, logging, nioCore, nioEmbedded, nioHPACK, nioHTTP1, nioHTTP2, nioPosix, nioSSL, protobuf,
        serviceLifecycle,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "EnvoyInspectionTests",
      dependencies: [
        "Certificates", "EnvoyInspection", "LoopbackTestSupport", "MeshHTTP", "MeshPolicy", "MeshTestSupport",
        "MeshXDS", logging,
        nioCore, nioPosix, nioSSL, serviceLifecycle,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ReceiverInspectionTests",
      dependencies: [
        "LoopbackTestSupport", "MeshControl", "MeshModel", "MeshPolicy", "ReceiverInspection", "TestSupport", httpTypes,
        nioCore, nioPosix,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "KubernetesAPITests",
      dependencies: [
        "Documents", "KubernetesAPI", "KubernetesTestSupport", "LoopbackTestSupport", "TestSupport", collections,
        httpTypes, logging,
        nioCore, nioHTTP1, nioPosix, serviceLifecycle,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MeshKubernetesTests",
      dependencies: [
        "Certificates", "Documents", "KubernetesAPI", "MeshKubernetes", "MeshModel", "MeshPolicy", "MeshTestSupport",
        collections,
      ],
      exclude: ["Goldens"], swiftSettings: strict),
    .testTarget(
      name: "MeshStoreKubernetesTests",
      dependencies: [
        "Documents", "KubernetesAPI", "KubernetesTestSupport", "MeshModel", "MeshStore", "MeshStoreKubernetes",
        "MeshTestSupport", logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "KubernetesTests",
      dependencies: [
        "kuma-cp", "kuma-demo", "kuma-dp", "kumactl", "Certificates", "Documents", "EnvoyInspection", "KubernetesAPI",
        "KubernetesTestSupport", "MeshHTTP",
        "LoopbackTestSupport",
        "MeshKubernetes", "MeshModel", "PodNetwork", "TransparentProxy", "MeshTestSupport", "ProcessSupervisor",
        "ProxySimulation", "TestSupport",
        asyncHTTPClient,
        collections, httpTypes, nioCore, nioHTTP1,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "kuma-cpTests",
      dependencies: [
        "kuma-cp", "AccessHTTP", "BackupArchive", "Certificates", "Documents", "HTTPService", "MeshAccess",
        "MeshClient", "MeshHTTP", "MeshStoreSQL", "ProcessSupervisor", "SQLiteFiles", "TraceTestSupport",
        "MeshControl", "MeshKubernetes", "MeshModel", "MeshStore", "MeshStorePostgres", "MeshTestSupport",
        "MeshTransport",
        "MeshXDS", "TraceHTTP",
        "ProgramLog",
        "ProgramSettings", "ProxyEvidence", "ProxySimulation", "TestSupport", "TraceModel",
        "TraceStore", "TracingDiagnosis",
        argumentParser, asyncHTTPClient, collections, httpTypes, logging, nioCore, nioHTTP1, nioSSL,
      ],
      exclude: ["Goldens"], swiftSettings: strict),
    .testTarget(
      name: "kuma-dpTests",
      dependencies: [
        "kuma-dp", "ConnectionFaults", "LoopbackTestSupport", "MeshClient", "MeshModel", "MeshTestSupport", "MeshXDS",
        "ProcessSupervisor", "ProgramSettings", "ProxyEvidence", "TestSupport",
        argumentParser, collections, crypto, httpTypes, hummingbirdCore, hummingbirdTLS, nioSSL, x509,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TransparentProxyTests",
      dependencies: ["kumactl", "ProcessSupervisor", "TestSupport", "TransparentProxy"],
      exclude: ["Rules"], swiftSettings: strict),
    .testTarget(
      name: "PodNetworkTests",
      dependencies: ["Documents", "KubernetesAPI", "PodNetwork", "ProcessSupervisor", "TestSupport", collections],
      swiftSettings: strict),
    .testTarget(
      name: "ChartTemplatesTests",
      dependencies: ["ChartTemplates", "Documents", collections], swiftSettings: strict),
    .testTarget(
      name: "kumactlTests",
      dependencies: [
        "ChartTemplates", "DemoShop", "kumactl", "KumactlCommands", "HTTPService", "LoopbackTestSupport", "MeshAccess",
        "MeshHTTP",
        "MeshHTTPTestSupport", "MeshModel", "MeshPolicy",
        "MeshStore",
        "MeshTestSupport", "ProcessSupervisor",
        argumentParser, collections, httpTypes,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "kuma-demoTests",
      dependencies: [
        "kuma-cp", "kuma-demo", "kuma-dp", "kumactl", "LoopbackTestSupport", "MeshTestSupport", "ProcessSupervisor",
        "TraceHeaders", httpTypes, hummingbird, nioCore,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "BrowserTestSupport", "Certificates", "kuma-cp", "kuma-dp", "kumactl", "LoopbackTestSupport", "MeshAccess",
        "MeshClient", "MeshModel",
        "MeshPolicy", "MeshTestSupport", "MeshXDS", hummingbirdTLS,
        "PostgresTestSupport", "ProcessSupervisor", "ProxyEvidence", "ProxySimulation", asyncHTTPClient, collections,
        httpTypes, logging, nioCore, nioHTTP1,
        nioPosix, nioSSL, "TraceHeaders", "TraceTestSupport",
      ],
      exclude: ["Goldens", "Machines"], swiftSettings: strict),
  ]
)

// `make test ONLY=MeshPolicyTests` compiles and links the named test targets alone (commas between several).
if let only = Context.environment["ONLY_TESTS"], !only.isEmpty {
  let kept = Set(only.split(separator: ",").map(String.init))
  package.targets.removeAll { $0.type == .test && !kept.contains($0.name) }
}

// `make release` compiles what the programs are made of and nothing else, in one build: what serves tests needs libraries that are
// not linked statically.
if Context.environment["PROGRAMS_ALONE"] == "1" {
  let targets = Dictionary(uniqueKeysWithValues: package.targets.map { ($0.name, $0) })
  var kept: Set<String> = []
  var waiting = package.targets.filter { $0.type == .executable }.map(\.name)
  while let name = waiting.popLast() {
    // Products of other packages have no target here.
    guard let target = targets[name], kept.insert(name).inserted else { continue }
    for case .byNameItem(let dependency, _) in target.dependencies { waiting.append(dependency) }
  }
  package.targets.removeAll { !kept.contains($0.name) }
  package.products.removeAll { $0.name == "BenchmarkedStages" }
}

// Scripts/fuzz names the library with which programs are fuzzed, and compiles what is fuzzed once more, so that it counts what
// of it has run. Nothing here is compiled otherwise than in other builds, with which this one shares all it can.
if let fuzzingLibrary = Context.environment["KUMA_TRACE_FUZZ"] {
  package.targets += [
    .target(name: "CFuzzing", path: "Fuzz/Sources/CFuzzing"),
    .executableTarget(
      name: "kuma-fuzz",
      dependencies: [
        "BackupArchive", "CFuzzing", "Documents", "HTTPService", "JSONText", "KubernetesAPI", "MeshAccess",
        "MeshKubernetes", "MeshModel",
        "MeshPolicy", "MeshTransport", "MeshXDS", "ProxyEvidence", "SecretPatterns", "TraceFormats", "TraceHTTP",
        "TraceModel",
        "TraceStore", crypto,
        cryptoExtras, httpTypes, logging, nioCore, nioHPACK,
      ],
      path: "Fuzz/Sources/kuma-fuzz", swiftSettings: strict,
      // Other linkers leave out the counters of code that runs.
      linkerSettings: [.unsafeFlags(["-Xclang-linker", "-fuse-ld=lld", "-Xlinker", fuzzingLibrary, "-lstdc++"])]),
  ]
  package.products.append(.executable(name: "kuma-fuzz", targets: ["kuma-fuzz"]))
}
