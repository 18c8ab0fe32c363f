import EnvoyAPI
import MeshModel
import MeshPolicy
import SwiftProtobuf

/// Makes the secrets that the cluster of a collector names.
///
/// They are resources of their own (SDS): Envoy takes a new authority or a new token without a new cluster, which would drop the
/// reports that are under way, and shows none of their values in its configuration dump. Seen with Envoy 1.36 to 1.40.
enum CollectorSecrets {
  typealias Secret = Envoy_Extensions_TransportSockets_Tls_V3_Secret
  typealias Reference = Envoy_Extensions_TransportSockets_Tls_V3_SdsSecretConfig

  /// The file with the authorities that a proxy's system trusts, on Debian, Ubuntu, Alpine and in Envoy's own images. Envoy reads it; where
  /// it is missing, the collector is not reached. Envoys up to 1.40 have no setting that finds such a file.
  static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"

  /// The secrets of a collector.
  static func resources(
    of collector: CollectorAddress, _ access: CollectorAccess
  ) throws(TranslationError) -> [EncodedResource] {
    var secrets: [Secret] = []
    if case .name(let name) = collector.verification {
      var secret = Secret()
      secret.name = EnvoyNames.validationSecret(collector.cluster)
      switch access.verification {
      case .none, .system: secret.validationContext.trustedCa.filename = systemAuthorities
      case .authorities(let text): secret.validationContext.trustedCa.inlineString = text
      }
      var match = Envoy_Extensions_TransportSockets_Tls_V3_SubjectAltNameMatcher()
      match.sanType = HostRules.isIP(name) ? .ipAddress : .dns
      match.matcher.exact = name
      secret.validationContext.matchTypedSubjectAltNames = [match]
      secrets.append(secret)
    }
    if let identity = access.identity {
      var secret = Secret()
      secret.name = EnvoyNames.identitySecret(collector.cluster)
      secret.tlsCertificate.certificateChain.inlineString = identity.certificateChain
      secret.tlsCertificate.privateKey.inlineString = identity.privateKey
      secrets.append(secret)
    }
    for header in access.headers {
      var secret = Secret()
      secret.name = EnvoyNames.headerSecret(collector.cluster, header.name)
      secret.genericSecret.secret.inlineString = header.value
      secrets.append(secret)
    }
    return try secrets.map { (secret) throws(TranslationError) in try secret.resource(named: secret.name) }
  }

  /// How a resource names a secret, which comes over the stream that the resource itself came over.
  static func reference(_ name: String) -> Reference {
    var reference = Reference()
    reference.name = name
    reference.sdsConfig.ads = Envoy_Config_Core_V3_AggregatedConfigSource()
    reference.sdsConfig.resourceApiVersion = .v3
    return reference
  }

  /// The filters that add fields to the head of each report.
  static func filters(
    of collector: CollectorAddress
  ) throws(TranslationError) -> [Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter] {
    guard !collector.headers.isEmpty else { return [] }
    var filters: [Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter] = []
    for header in collector.headers {
      var credential = Envoy_Extensions_Http_InjectedCredentials_Generic_V3_Generic()
      credential.credential = reference(EnvoyNames.headerSecret(collector.cluster, header))
      credential.header = header
      var injector = Envoy_Extensions_Filters_Http_CredentialInjector_V3_CredentialInjector()
      injector.overwrite = true
      injector.credential.name = "envoy.http.injected_credentials.generic"
      injector.credential.typedConfig = try credential.packed()
      filters.append(filter("envoy.filters.http.credential_injector", try injector.packed()))
    }
    let codec = Envoy_Extensions_Filters_Http_UpstreamCodec_V3_UpstreamCodec()
    filters.append(filter("envoy.filters.http.upstream_codec", try codec.packed()))
    return filters
  }

  private static func filter(
    _ name: String, _ configuration: Google_Protobuf_Any
  ) -> Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter {
    var filter = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter()
    filter.name = name
    filter.typedConfig = configuration
    return filter
  }
}
