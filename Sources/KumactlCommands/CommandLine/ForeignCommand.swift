/// Commands of Kuma's `kumactl` that are missing here, each with an alternative. Source: Kuma 1.1 to 2.7.
///
/// They are errors, while an unknown word shows help, as in Kuma: scripts for Kuma must not take help for a token or a
/// manifest.
enum ForeignCommand {
  /// The alternative to a command.
  ///
  /// - Parameter path: the words of the command, such as `generate dataplane-token`.
  /// - Returns: a sentence without a full stop; `nil` for a command that Kuma does not have either.
  static func advice(for path: [String]) -> String? {
    guard let first = path.first else { return nil }
    guard path.count > 1, let group = groups[first] else { return nil }
    return group[path[1]]
  }

  /// The error for a command.
  static func message(for path: [String]) -> String? {
    advice(for: path).map {
      "Kuma has the command \"kumactl \(path.joined(separator: " "))\", this kumactl has not: \($0)"
    }
  }

  private static let groups: [String: [String: String]] = [
    "generate": generate, "install": install, "get": merged(resources, policies),
    "inspect": merged(inspections, policies),
  ]

  private static let generate = [
    "dp-token": "use `kumactl generate dataplane-token`",
    "zone-token": zones, "zone-ingress-token": zones, "zoneingress-token": zones, "zone-egress-token": zones,
    "tls-certificate":
      "kuma-cp makes a certificate of its own at its first start, kuma-cp.crt in its work directory; make "
      + "others with openssl",
  ]

  private static let install = [
    "gateway": "start a gateway of your own with a Dataplane that has networking.gateway",
    "metrics": noMetrics, "logging": noMetrics,
    "dns": "names are resolved as before; there are no .mesh names",
    "transparent-proxy-validator": "there is no CNI plugin; an init container runs `kumactl install transparent-proxy`",
  ]

  /// Kinds of resources other than policies, in singular and plural.
  private static let resources: [String: String] = [
    "zone": zones, "zones": zones, "zone-ingress": zones, "zone-ingresses": zones, "zoneegress": zones,
    "zoneegresses": zones,
    "external-service": services, "external-services": services, "meshservice": services, "meshservices": services,
    "meshexternalservice": services, "meshexternalservices": services, "meshmultizoneservice": services,
    "meshmultizoneservices": services, "hostnamegenerator": services, "hostnamegenerators": services,
    "meshgateway": gateways, "meshgateways": gateways, "meshgatewayroute": gateways, "meshgatewayroutes": gateways,
  ]

  private static let inspections: [String: String] = [
    "zones": zones, "zoneingress": zones, "zone-ingress": zones, "zone-ingresses": zones, "zoneingresses": zones,
    "zoneegress": zones, "zoneegresses": zones, "meshgateway": gateways, "meshgateways": gateways,
    "meshservice": services, "meshexternalservice": services, "meshmultizoneservice": services,
  ]

  /// Policies of both generations, in singular and plural.
  private static let policies: [String: String] = {
    var policies: [String: String] = [
      "meshtrace": meshTrace, "meshtraces": meshTrace, "retry": otherPolicies, "retries": otherPolicies,
      "meshretry": otherPolicies, "meshretries": otherPolicies, "meshproxypatch": otherPolicies,
      "meshproxypatches": otherPolicies, "meshloadbalancingstrategy": otherPolicies,
      "meshloadbalancingstrategies": otherPolicies, "meshtls": otherPolicies, "meshtlses": otherPolicies,
    ]
    let names = [
      "circuit-breaker", "fault-injection", "healthcheck", "proxytemplate", "rate-limit", "timeout", "traffic-log",
      "traffic-permission", "traffic-route", "virtual-outbound", "meshaccesslog", "meshcircuitbreaker",
      "meshfaultinjection", "meshhealthcheck", "meshhttproute", "meshmetric", "meshpassthrough", "meshratelimit",
      "meshtcproute", "meshtimeout", "meshtrafficpermission",
    ]
    for name in names { (policies[name], policies[name + "s"]) = (otherPolicies, otherPolicies) }
    return policies
  }()

  private static func merged(_ a: [String: String], _ b: [String: String]) -> [String: String] {
    a.merging(b) { first, _ in first }
  }

  private static let zones = "there are no zones, ingresses and egresses; a control plane is one zone, named by --zone"
  private static let noMetrics =
    "there are no metrics and access logs of the mesh; `kumactl install observability` prints a Jaeger for traces"
  private static let services =
    "services are known by the tag kuma.io/service of Dataplanes; see `kumactl inspect services`"
  private static let gateways =
    "there are no builtin gateways; a delegated one is a Dataplane with networking.gateway, see `kumactl get dataplanes`"
  private static let meshTrace = "tracing is what TrafficTraces say; see `kumactl get traffic-traces`"
  private static let otherPolicies = "TrafficTrace is the only policy; see `kumactl get traffic-traces`"
}
