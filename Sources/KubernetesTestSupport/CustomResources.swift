import Foundation
import Synchronization
import TestSupport

extension KubernetesServer {
  /// Installs the custom resources of this project, once for all who ask, and waits until they are served.
  package func installCustomResources() async throws {
    let task = customResources.withLock { task in
      if let task { return task }
      let new = Task { try await install(Self.customResources) }
      task = new
      return new
    }
    try await task.value
  }

  /// Installs the custom resources that Kuma 2.7 installs: no status subresources, no descriptions, no columns of ours.
  package func installCustomResourcesOfKuma() async throws {
    try await install(Self.customResourcesOfKuma)
  }

  /// Applies definitions of custom resources, and waits until they are served and known to kubectl.
  package func install(_ definitions: String) async throws {
    let kinds = try await succeed(["apply", "-f", "-", "-o", "name"], input: definitions).split(separator: "\n")
    try await succeed(["wait", "--for", "condition=established", "--timeout", "60s"] + kinds.map(String.init))
    // Until they are in OpenAPI, old clients drop what they do not know there.
    for kind in kinds {
      guard let plural = kind.split(separator: "/").last?.split(separator: ".").first else { continue }
      try await eventually("\(kind) in the API") {
        guard try await kubectl(.newest, "get", String(plural), "-A").isSuccess else { return false }
        return try await kubectl(.oldest, "explain", "\(plural).mesh").isSuccess
      }
    }
  }

  /// The definitions of this project, as `kumactl install crds` prints them.
  package static var customResources: String {
    get throws {
      let folder = KubernetesPrograms.root.appending(path: "Sources/KumactlCommands/Chart/crds")
      let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      return try files.sorted { $0.path < $1.path }.map { try String(contentsOf: $0, encoding: .utf8) }
        .joined(separator: "\n---\n")
    }
  }

  /// The definitions as Kuma 2.7 has them.
  package static let customResourcesOfKuma = """
    \(definition("Mesh", "meshes", isNamespaced: false))
    ---
    \(definition("TrafficTrace", "traffictraces", isNamespaced: false))
    ---
    \(definition("Dataplane", "dataplanes", isNamespaced: true, columns: columnsOfDataplane))
    ---
    \(definition("DataplaneInsight", "dataplaneinsights", isNamespaced: true, payload: "status"))
    """

  private static func definition(
    _ kind: String, _ plural: String, isNamespaced: Bool, payload: String = "spec", columns: String = ""
  ) -> String {
    """
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata:
      name: \(plural).kuma.io
      annotations: {controller-gen.kubebuilder.io/version: v0.14.0}
    spec:
      group: kuma.io
      scope: \(isNamespaced ? "Namespaced" : "Cluster")
      names:
        categories: [kuma]
        kind: \(kind)
        listKind: \(kind)List
        plural: \(plural)
        singular: \(kind.lowercased())
      versions:
      - name: v1alpha1
        served: true
        storage: true\(columns)
        schema:
          openAPIV3Schema:
            type: object
            properties:
              apiVersion: {type: string}
              kind: {type: string}
              mesh: {type: string}
              metadata: {type: object}
              \(payload): {x-kubernetes-preserve-unknown-fields: true}
    """
  }

  private static let columnsOfDataplane: String = {
    let columns = (0..<4).map { index in
      #"""
          - name: kuma.io/service
            type: string
            jsonPath: .spec.networking.inbound[\#(index)].tags['kuma\.io/service']\#(index < 2 ? "" : "\n      priority: 1")
      """#
    }
    return "\n    additionalPrinterColumns:\n" + columns.joined(separator: "\n") + "\n    subresources: {}"
  }()
}
