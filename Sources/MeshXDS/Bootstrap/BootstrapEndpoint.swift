import Foundation
public import MeshModel
import OrderedCollections

/// Answers `POST /bootstrap` without a transport: bytes in, status, headers and bytes out.
public struct BootstrapEndpoint: Sendable {
  /// What the control plane looks up while it answers.
  public struct Resources: Sendable {
    /// Finds a Dataplane by mesh and name; `nil` when there is none.
    public var dataplane: @Sendable (_ mesh: String, _ name: String) async throws -> Dataplane?
    /// Tells whether a mesh exists.
    public var meshExists: @Sendable (_ name: String) async throws -> Bool
    /// Why no Dataplane of the store can have a name; `nil` when one can.
    public var refusalOfName: @Sendable (_ name: String) -> String?

    /// Names the look-ups.
    public init(
      dataplane: @escaping @Sendable (_ mesh: String, _ name: String) async throws -> Dataplane?,
      meshExists: @escaping @Sendable (_ name: String) async throws -> Bool,
      refusalOfName: @escaping @Sendable (_ name: String) -> String? = { _ in nil }
    ) {
      self.dataplane = dataplane
      self.meshExists = meshExists
      self.refusalOfName = refusalOfName
    }
  }

  /// A request as it came in.
  public struct Input: Sendable {
    /// The `Host` header or `:authority`, with or without a port.
    public var host: String
    /// Whether the connection uses TLS; if so, Envoy's discovery connection uses TLS too.
    public var isTLS: Bool
    /// The `Accept` header; empty for none.
    public var accept: String
    /// The body.
    public var body: [UInt8]

    /// Makes a request.
    public init(host: String, isTLS: Bool, accept: String = "", body: [UInt8]) {
      self.host = host
      self.isTLS = isTLS
      self.accept = accept
      self.body = body
    }
  }

  /// The answer.
  public struct Response: Sendable, Hashable {
    /// The HTTP status.
    public var status: Int
    /// Headers, names in lower case.
    public var headers: [String: String]
    /// The body.
    public var body: [UInt8]
    /// Why a proxy was refused that did not prove who it is; `nil` for all other answers. For the log only.
    public var refusalReason: String?

    /// Makes an answer.
    public init(status: Int, headers: [String: String] = [:], body: [UInt8] = [], refusalReason: String? = nil) {
      self.status = status
      self.headers = headers
      self.body = body
      self.refusalReason = refusalReason
    }
  }

  private let settings: BootstrapSettings
  private let resources: Resources
  private let authenticator: (any ProxyAuthenticating)?

  /// Makes an endpoint.
  ///
  /// - Parameter authenticator: checks who asks; `nil` where nobody has to prove anything.
  package init(
    settings: BootstrapSettings, resources: Resources, authenticator: (any ProxyAuthenticating)? = nil
  ) {
    self.settings = settings
    self.resources = resources
    self.authenticator = authenticator
  }

  /// Answers one request. Never throws: a failure becomes a status and a text.
  public func respond(to input: Input) async -> Response {
    do {
      return try await answer(input)
    } catch {
      return error.response
    }
  }

  private func answer(_ input: Input) async throws(BootstrapError) -> Response {
    let request: BootstrapRequest
    do {
      request = try BootstrapRequest(json: input.body)
    } catch {
      throw BootstrapError(code: .badRequest, message: "the bootstrap request cannot be read: \(error.message)")
    }
    let host = try check(request, input)
    let dataplane: Dataplane
    do {
      dataplane = try await self.dataplane(for: request, try await authenticate(request))
    } catch {
      guard let reason = error.reason else { throw error }
      throw BootstrapError(code: error.code, message: error.message, reason: "proxy \(request.nodeID): \(reason)")
    }
    var adminPort = request.adminPort ?? settings.defaultAdminPort
    if let port = dataplane.networking?.adminPort, port != 0 { adminPort = port }
    try dataplane.check(adminPort: adminPort)

    var renderer = BootstrapRenderer(
      request: request, service: dataplane.identifyingService, host: host, port: settings.discoveryPort,
      isTLS: input.isTLS, trustedCA: request.caCert.isEmpty ? settings.trustedCA : request.caCert,
      adminPort: adminPort, usesDelta: settings.usesDelta, reloadsToken: settings.reloadsTokens)
    if !request.features.contains(ProxyMetadata.evidence) { renderer.metricsInterval = settings.metricsInterval }
    let yaml = renderer.render().yaml()
    var headers = ["kuma-bootstrap-version": "3"]
    guard input.accept == "application/json" else {
      headers["content-type"] = "text/x-yaml"
      return Response(status: 200, headers: headers, body: Array(yaml.utf8))
    }
    headers["content-type"] = "application/json"
    let answer: DocumentValue = [
      "bootstrap": .string(Data(yaml.utf8).base64EncodedString()),
      "kumaSidecarConfiguration": [
        "networking": [
          "isUsingTransparentProxy": .bool(dataplane.networking?.transparentProxying != nil),
          "corefileTemplate": .null, "address": .string(dataplane.networking?.address ?? ""),
        ],
        "metrics": ["aggregate": []],
      ],
    ]
    return Response(status: 200, headers: headers, body: Array(answer.json().utf8))
  }

  /// Checks everything that needs no look-up, and returns the host for discovery.
  private func check(_ request: BootstrapRequest, _ input: Input) throws(BootstrapError) -> String {
    guard request.bootstrapVersion.isEmpty || request.bootstrapVersion == "3" else {
      throw BootstrapError(
        code: .badRequest,
        message: "bootstrap version \"\(request.bootstrapVersion)\" is not supported; ask for version \"3\"")
    }
    for (field, value) in [("mesh", request.mesh), ("name", request.name)] where value.isEmpty {
      throw BootstrapError(code: .badRequest, message: "\(field): cannot be empty")
    }
    guard request.proxyType.isEmpty || request.proxyType == "dataplane" else {
      throw BootstrapError(
        code: .badRequest, message: "proxyType \"\(request.proxyType)\" is not supported; use \"dataplane\"")
    }
    let host: String
    if let configured = settings.discoveryHost {
      host = configured
    } else {
      guard let named = HostAndPort(input.host)?.host else {
        throw BootstrapError(
          code: .badRequest, message: "the request's Host \"\(input.host)\" names no host; give one in --cp-address")
      }
      host = named
      if input.isTLS, let names = settings.certificateNames, !names.contains(host) {
        throw BootstrapError(code: .badRequest, message: BootstrapError.sanMismatch(host: host, names: names))
      }
    }
    if input.isTLS, !request.caCert.isEmpty {
      switch settings.inspectAuthority(request.caCert) {
      case .usable: break
      case .unreadable:
        throw BootstrapError(
          code: .badRequest, message: "caCert holds no certificate; give a PEM file in --ca-cert-file")
      case .notAnAuthority:
        throw BootstrapError(code: .badRequest, message: BootstrapError.notAnAuthority)
      }
    }
    return host
  }

  /// Checks who asks, as the stream that follows would: Envoy would be refused, and try again for ever.
  private func authenticate(_ request: BootstrapRequest) async throws(BootstrapError) -> ProxyAuthority {
    guard let authenticator else { return .unlimited }
    guard !request.dataplaneToken.isEmpty else {
      throw BootstrapError(code: .unprocessable, message: authenticator.tokenRequired, reason: "it shows no token")
    }
    let proof = ProxyProof(nodeID: request.nodeID, token: request.dataplaneToken)
    do throws(SessionRefusal) {
      let authority = try await authenticator.authenticate(proof)
      guard request.dataplaneResource.isEmpty || authority.bringsDataplane else { throw .ofBroughtDataplane }
      return authority
    } catch {
      throw BootstrapError(error)
    }
  }

  /// The Dataplane that came with the request, or the stored one.
  private func dataplane(
    for request: BootstrapRequest, _ authority: ProxyAuthority
  ) async throws(BootstrapError) -> Dataplane {
    if let refusal = resources.refusalOfName(request.name) {
      throw BootstrapError(code: .unprocessable, message: refusal)
    }
    guard !request.dataplaneResource.isEmpty else {
      guard let stored = try await lookUp({ try await resources.dataplane(request.mesh, request.name) }) else {
        throw BootstrapError(code: .notFound, message: "")
      }
      if let refusal = authority.refusal(ofStored: request.resource(stored)) { throw BootstrapError(refusal) }
      return stored
    }
    let resource: Resource
    do {
      let documents = try ResourceDocument.all(in: request.dataplaneResource)
      guard documents.count == 1, let document = documents.first, document.resource.type == .dataplane else {
        throw BootstrapError(code: .unprocessable, message: "dataplaneResource has to hold one Dataplane")
      }
      resource = document.resource
    } catch let error as DocumentError {
      throw BootstrapError(code: .unprocessable, message: "dataplaneResource cannot be read: \(error)")
    } catch let error as BootstrapError {
      throw error
    } catch {
      throw BootstrapError(code: .unprocessable, message: "dataplaneResource cannot be read: \(error)")
    }
    let dataplane: Dataplane? = resource.content()
    if let dataplane, let refusal = authority.refusal(ofBrought: request.resource(dataplane)) {
      throw BootstrapError(refusal)
    }
    var violations = resource.violations()
    if violations.isEmpty, let networking = dataplane?.networking, networking.transparentProxying != nil,
      !networking.outbound.isEmpty
    {
      violations.append(
        Violation(
          field: "outbound", message: "should be empty since dataplane is in Transparent Proxying mode"))
    }
    let mesh = resource.mesh.isEmpty ? request.mesh : resource.mesh
    if violations.isEmpty, try await !lookUp({ try await resources.meshExists(mesh) }) {
      violations.append(Violation(field: "mesh", message: "mesh \"\(mesh)\" does not exist"))
    }
    let key = ResourceKey(type: .dataplane, mesh: request.mesh, name: request.name)
    if violations.isEmpty {
      let stored = try await lookUp { try await resources.dataplane(key.mesh, key.name) }
      if let stored, let refusal = authority.refusal(ofReplacing: request.resource(stored)) {
        throw BootstrapError(refusal)
      }
      violations += resource.identityViolations(ofProxy: key, isNew: stored == nil, source: "the request")
    }
    guard violations.isEmpty, let dataplane else {
      throw BootstrapError(code: .unprocessable, message: Violation.list(violations))
    }
    return dataplane
  }

  private func lookUp<Found: Sendable>(
    _ body: () async throws -> Found
  ) async throws(BootstrapError) -> Found {
    do {
      return try await body()
    } catch {
      throw BootstrapError(code: .failed, message: "the control plane's store does not answer: \(error)")
    }
  }
}

extension BootstrapRequest {
  /// Envoy's node id.
  fileprivate var nodeID: String { "\(mesh).\(name)" }

  /// A Dataplane under the name of the proxy.
  fileprivate func resource(_ dataplane: Dataplane) -> Resource {
    Resource(mesh: mesh, name: name, spec: .dataplane(dataplane))
  }
}
