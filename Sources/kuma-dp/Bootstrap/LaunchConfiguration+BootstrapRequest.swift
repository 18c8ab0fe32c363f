import MeshModel
import OrderedCollections

extension LaunchConfiguration {
  /// The body of `POST /bootstrap`. Source of the keys: Kuma 1.1 to 2.7.
  ///
  /// - Parameters:
  ///   - envoy: the Envoy that will run.
  ///   - adminPort: the port of Envoy's administration interface; 0 for none, `nil` to leave it to the control plane.
  func bootstrapRequest(envoy: EnvoyVersion, adminPort: UInt16?) -> DocumentValue {
    var request: DocumentValue.Object = [
      "mesh": .string(mesh), "name": .string(name), "proxyType": "dataplane",
      "version": [
        "kumaDp": [
          "version": .string(ProductVersion.current), "gitTag": .string(ProductVersion.current),
          "gitCommit": .string(BuildRecord.commit), "buildDate": .string(BuildRecord.date),
        ],
        "envoy": [
          "version": .string(envoy.number), "build": .string(envoy.build), "kumaDpCompatible": .bool(envoy.isTested),
        ],
      ],
      "dynamicMetadata": .object([ProxyMetadata.drainTime: .string("\(drainSeconds)s")]), "operatingSystem": "linux",
      // Without an administration interface Envoy can tell it by itself.
      "features": tellsEvidence && adminPort == 0 ? [] : [.string(ProxyMetadata.evidence)],
    ]
    if let definition { request["dataplaneResource"] = .string(definition.resource.document().json()) }
    if let adminPort { request["adminPort"] = .integer(Int64(adminPort)) }
    if let token {
      request["dataplaneToken"] = .string(token.text)
      // Envoy shows what is in the file, and a line feed cannot be shown.
      if let path = token.path, token.isAlone { request["dataplaneTokenPath"] = .string(path) }
    }
    if let caCertificate { request["caCert"] = .string(caCertificate) }
    return .object(request)
  }
}
