public import MeshModel
import OrderedCollections

/// Sections of a Mesh or Dataplane that belong to missing features. They are stored and returned unchanged, and a warning
/// says that they have no effect.
extension PolicyWarnings {
  /// Warnings about the sections of a mesh that have no effect.
  static func unusedSections(of mesh: Mesh, name: String) -> [String] {
    let sections = mesh.otherSections
    var unused: [(field: String, effect: String)] = []
    func note(_ field: String, if isAsked: Bool, _ effect: String) {
      if isAsked { unused.append((field, effect)) }
    }
    note(
      "mtls.enabledBackend", if: sections["mtls"]?["enabledBackend"].isSaid == true,
      "there is no mesh TLS here, and traffic between proxies is not encrypted")
    note(
      "constraints", if: sections["constraints"].isSaid,
      "no data plane proxy is kept out of the mesh, whatever its tags are")
    let networking = sections["networking"]
    note(
      "networking.outbound.passthrough", if: networking?["outbound"]?["passthrough"] == false,
      "nothing keeps the applications of others from addresses outside of the mesh")
    note(
      "networking",
      if: networking.saysMore(than: ["outbound"]) || networking?["outbound"].saysMore(than: ["passthrough"]) == true,
      "proxies are reached and reach others as their Dataplanes say")
    let routing = sections["routing"]
    note(
      "routing.zoneEgress", if: routing?["zoneEgress"].isSaid == true,
      "there are no zone egresses, and traffic leaves the mesh without one")
    note(
      "routing.localityAwareLoadBalancing", if: routing?["localityAwareLoadBalancing"].isSaid == true,
      "requests go evenly to all healthy endpoints, near or far")
    note(
      "routing.defaultForbidMeshExternalServiceAccess",
      if: routing?["defaultForbidMeshExternalServiceAccess"].isSaid == true, "access to nothing is forbidden")
    note(
      "routing",
      if: routing.saysMore(than: ["zoneEgress", "localityAwareLoadBalancing", "defaultForbidMeshExternalServiceAccess"]
      ),
      "requests go evenly to all healthy endpoints")
    note(
      "logging",
      if: sections["logging"]?["defaultBackend"].isSaid == true || sections["logging"]?["backends"].isSaid == true,
      "proxies write no access logs")
    note(
      "metrics.enabledBackend", if: sections["metrics"]?["enabledBackend"].isSaid == true,
      "proxies open no port for metrics")
    note(
      "meshServices", if: sections["meshServices"].isSaid && sections["meshServices"]?["mode"] != "Disabled",
      "services are known by their tag \(TagName.service) alone")
    return unused.map { field, effect in
      let isActedOn = field == "networking.outbound.passthrough"
      return sentence(
        "Mesh \"\(name)\"", field, effect,
        isActedOn ? "acted on only for proxies with networking.transparentProxying" : notActedOn)
    }
  }

  /// Warnings about the sections of a Dataplane that have no effect.
  public static func differences(of dataplane: Dataplane, name: String) -> [String] {
    var unused: [(field: String, effect: String)] = []
    if dataplane.networking?.gateway?.isBuiltin == true {
      unused.append(
        ("networking.gateway.type BUILTIN", "there are no builtin gateways, and the proxy gets no listener of one"))
    }
    if let section = dataplane.networking?.transparentProxying, section.outboundPort == nil {
      unused.append(
        (
          "networking.transparentProxying without redirectPortOutbound",
          "the proxy takes no connections; name the port to which rules lead them, such as 15001"
        ))
    }
    let probed = (dataplane.networking?.inbound ?? []).enumerated().filter {
      $0.element.otherFields["serviceProbe"].isSaid
    }
    if let first = probed.first {
      let more = probed.count == 1 ? "" : " and \(probed.count - 1) more"
      unused.append(
        (
          "networking.inbound[\(first.offset)].serviceProbe\(more)",
          "an inbound counts as healthy unless its state or health.ready say otherwise"
        ))
    }
    if dataplane.otherSections["metrics"].isSaid { unused.append(("metrics", "the proxy opens no port for metrics")) }
    if dataplane.otherSections["envoy"].isSaid { unused.append(("envoy", "the proxy's Envoy is run as others are")) }
    return unused.map { sentence("Dataplane \"\(name)\"", $0.field, $0.effect) }
  }

  private static let notActedOn = "kept and not acted on"

  private static func sentence(
    _ resource: String, _ field: String, _ effect: String, _ state: String = notActedOn
  ) -> String {
    "\(resource) has \(field), which is \(state): \(effect)."
  }
}

extension DocumentValue? {
  /// Whether a value is set. Null, false, zero and empty values count as not set.
  fileprivate var isSaid: Bool {
    switch self {
    case nil, .null?: false
    case .bool(let truth)?: truth
    case .string(let text)?: !text.isEmpty
    case .array(let items)?: items.contains { DocumentValue?.some($0).isSaid }
    case .object(let fields)?: fields.values.contains { DocumentValue?.some($0).isSaid }
    case .integer(let number)?: number != 0
    case .number(let number)?: number != 0
    }
  }

  /// Whether an object has fields that are set, apart from those with these names.
  fileprivate func saysMore(than names: Set<String>) -> Bool {
    self?.object?.contains { !names.contains($0.key) && DocumentValue?.some($0.value).isSaid } == true
  }
}
