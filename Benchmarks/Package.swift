// swift-tools-version:6.2

import PackageDescription

let package = Package(
  name: "kuma-trace-benchmarks",
  dependencies: [
    .package(name: "kuma-trace", path: ".."),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    .target(name: "CEpoll"),
    .executableTarget(
      name: "kuma-benchmarks",
      dependencies: [
        "CEpoll", .product(name: "BenchmarkedStages", package: "kuma-trace"),
        // Not linked: the control plane that the fleet is connected to is built along, and what starts a real Envoy.
        .product(name: "kuma-cp", package: "kuma-trace"),
        .product(name: "kuma-dp", package: "kuma-trace"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      swiftSettings: [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .treatAllWarnings(as: .error),
      ]),
  ]
)
