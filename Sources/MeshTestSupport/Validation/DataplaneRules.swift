/// The rules of a Dataplane.
package enum DataplaneRules {
  private static func networking(_ fields: String) -> String {
    "{type: Dataplane, mesh: default, name: d, networking: {\(fields)}}"
  }
  private static func inbound(_ fields: String) -> String { networking("address: 10.0.0.1, inbound: [{\(fields)}]") }
  private static func outbound(_ fields: String) -> String {
    networking("address: 10.0.0.1, inbound: [{\(good)}], outbound: [{\(fields)}]")
  }
  private static func gateway(_ fields: String) -> String { networking("address: 10.0.0.1, gateway: {\(fields)}") }
  private static let good = "port: 80, tags: {kuma.io/service: web}"
  private static let tags = "tags: {kuma.io/service: web}"
  private static let at = "networking.inbound[0]"
  private static let to = "networking.outbound[0]"
  private static let port = "port must be in the range [1, 65535]"
  private static let isIP = "address has to be valid IP address"
  private static let missing = #"mandatory tag "kuma.io/service" is missing"#
  private static let name = "tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores"
  private static let value = "tag value must consist of alphanumeric characters, dots, dashes and underscores"

  private static let addressRows = [
    ViolationRow("no networking", "{type: Dataplane, mesh: m, name: d}", "networking: must be defined"),
    ViolationRow(
      "neither inbound nor gateway", networking("address: 10.0.0.1"),
      "networking: has to contain at least one inbound interface or gateway"),
    ViolationRow(
      "inbound and gateway", networking("address: 10.0.0.1, inbound: [{\(good)}], gateway: {\(tags)}"),
      "networking.inbound: inbound cannot be defined for delegated gateways"),
    ViolationRow(
      "inbound and builtin gateway",
      networking("address: 10.0.0.1, inbound: [{\(good)}], gateway: {type: BUILTIN, \(tags)}"),
      "networking.inbound: inbound cannot be defined for builtin gateways"),
    ViolationRow("address missing", networking("inbound: [{\(good)}]"), "networking.address: address can't be empty"),
    ViolationRow("IPv6", networking("address: '2001:db8::1', inbound: [{\(good)}]")),
    ViolationRow("host name", networking("address: web.default.svc, inbound: [{\(good)}]")),
    ViolationRow(
      "any IPv4", networking("address: 0.0.0.0, inbound: [{\(good)}]"),
      "networking.address: must not be 0.0.0.0 or ::"),
    ViolationRow(
      "any IPv6", networking("address: '::', inbound: [{\(good)}]"), "networking.address: must not be 0.0.0.0 or ::"),
    ViolationRow(
      "neither IP nor name", networking("address: '..>_<..', inbound: [{\(good)}]"),
      "networking.address: address has to be valid IP address or domain name"),
  ]

  private static let inboundRows = [
    ViolationRow("good", inbound(good)),
    ViolationRow("port 65535", inbound("port: 65535, \(tags)")),
    ViolationRow("port as text", inbound("port: '80', \(tags)")),
    ViolationRow("port 0", inbound("port: 0, \(tags)"), "\(at).port: \(port)"),
    ViolationRow("port missing", inbound(tags), "\(at).port: \(port)"),
    ViolationRow("port too large", inbound("port: 65536, \(tags)"), "\(at).port: \(port)"),
    ViolationRow("servicePort too large", inbound("\(good), servicePort: 65536"), "\(at).servicePort: \(port)"),
    ViolationRow(
      "serviceAddress no IP", inbound("\(good), serviceAddress: localhost"),
      "\(at).serviceAddress: serviceAddress has to be valid IP address"),
    ViolationRow(
      "serviceAddress is the listener's", inbound("\(good), serviceAddress: 10.0.0.1"),
      "\(at).serviceAddress: serviceAddress and servicePort has to differ from address and port"),
    ViolationRow(
      "serviceAddress is the inbound's own", inbound("\(good), address: 10.0.0.2, serviceAddress: 10.0.0.2"),
      "\(at).serviceAddress: serviceAddress and servicePort has to differ from address and port"),
    ViolationRow("the same address, another port", inbound("\(good), serviceAddress: 10.0.0.1, servicePort: 8080")),
    ViolationRow("address no IP", inbound("\(good), address: web"), "\(at).address: \(isIP)"),
    ViolationRow("address 0.0.0.0", inbound("\(good), address: 0.0.0.0")),
    ViolationRow("no tags", inbound("port: 80"), "\(at).tags[\"kuma.io/service\"]: tag has to exist"),
    ViolationRow(
      "no service", inbound("port: 80, tags: {a: b}"), "\(at).tags[\"kuma.io/service\"]: tag has to exist"),
    ViolationRow(
      "unknown protocol", inbound("port: 80, tags: {kuma.io/service: web, kuma.io/protocol: smtp}"),
      "\(at).tags[\"kuma.io/protocol\"]: tag \"kuma.io/protocol\" has an invalid value \"smtp\". "
        + "Allowed values: grpc, http, http2, kafka, tcp"),
    ViolationRow(
      "protocol in upper case", inbound("port: 80, tags: {kuma.io/service: web, kuma.io/protocol: HTTP}")),
    ViolationRow(
      "empty value", inbound("port: 80, tags: {kuma.io/service: ''}"),
      "\(at).tags[\"kuma.io/service\"]: tag value must be non-empty"),
    ViolationRow(
      "star", inbound("port: 80, tags: {kuma.io/service: '*'}"), "\(at).tags[\"kuma.io/service\"]: \(value)"),
    ViolationRow(
      "slash in a value", inbound("port: 80, tags: {kuma.io/service: a/b}"),
      "\(at).tags[\"kuma.io/service\"]: \(value)"),
    ViolationRow(
      "bad name", inbound("port: 80, tags: {kuma.io/service: web, 'a b': c}"), "\(at).tags[\"a b\"]: \(name)"),
    ViolationRow(
      "admin port too large", networking("address: 1.2.3.4, inbound: [{\(good)}], admin: {port: 70000}"),
      "networking.admin.port: \(port)"),
  ]

  private static let otherRows = [
    ViolationRow("outbound", outbound("port: 1, address: 127.0.0.2, \(tags)")),
    ViolationRow("outbound in the older form", outbound("port: 1, service: api")),
    ViolationRow("outbound without port", outbound(tags), "\(to).port: \(port)"),
    ViolationRow("outbound address no IP", outbound("port: 1, address: web, \(tags)"), "\(to).address: \(isIP)"),
    ViolationRow("outbound without tags", outbound("port: 1"), "\(to).tags: \(missing)"),
    ViolationRow("outbound without service", outbound("port: 1, tags: {a: b}"), "\(to).tags: \(missing)"),
    ViolationRow("gateway", gateway(tags)),
    ViolationRow("gateway over tcp", gateway("tags: {kuma.io/service: gw, kuma.io/protocol: tcp}")),
    ViolationRow("gateway without tags", gateway(""), "networking.gateway.tags: \(missing)"),
    ViolationRow("gateway without service", gateway("tags: {a: b}"), "networking.gateway.tags: \(missing)"),
    ViolationRow(
      "gateway over http", gateway("tags: {kuma.io/service: gw, kuma.io/protocol: http}"),
      "networking.gateway.tags[\"kuma.io/protocol\"]: other values than tcp are not allowed, provided value \"http\""),
    ViolationRow(
      "gateway over TCP in upper case", gateway("tags: {kuma.io/service: gw, kuma.io/protocol: TCP}"),
      "networking.gateway.tags[\"kuma.io/protocol\"]: other values than tcp are not allowed, provided value \"TCP\""),
    ViolationRow(
      "gateway: what is wrong stands before what is missing", gateway("tags: {kuma.io/protocol: http, a: '*'}"),
      "networking.gateway.tags[\"kuma.io/protocol\"]: other values than tcp are not allowed, provided value \"http\"",
      "networking.gateway.tags[\"a\"]: \(value)", "networking.gateway.tags: \(missing)"),
    ViolationRow(
      "outbounds of a builtin gateway",
      networking("address: 10.0.0.1, outbound: [{port: 80, \(tags)}], gateway: {type: BUILTIN, \(tags)}"),
      "networking.outbound: outbound cannot be defined for builtin gateways"),
    ViolationRow(
      "null as an inbound and an outbound", networking("address: 10.0.0.1, inbound: [~], outbound: [~]"),
      "\(at).port: \(port)", "\(at).tags[\"kuma.io/service\"]: tag has to exist", "\(to).port: \(port)",
      "\(to).tags: \(missing)"),
    ViolationRow(
      "an empty protocol",
      networking("address: 10.0.0.1, inbound: [{port: 80, tags: {kuma.io/service: web, kuma.io/protocol: ''}}]"),
      "\(at).tags[\"kuma.io/protocol\"]: tag \"kuma.io/protocol\" has an invalid value \"\". Allowed values: grpc, http, "
        + "http2, kafka, tcp", "\(at).tags[\"kuma.io/protocol\"]: tag value must be non-empty"),
    ViolationRow(
      "quotes in a tag's name",
      networking("address: 10.0.0.1, inbound: [{port: 80, tags: {kuma.io/service: web, 'a\"b': c}}]"),
      "\(at).tags[\"a\\\"b\"]: \(name)"),
    ViolationRow(
      "an outbound: what is wrong stands before what is missing",
      networking("address: 10.0.0.1, inbound: [{\(good)}], outbound: [{port: 1, tags: {a: '*'}}]"),
      "\(to).tags[\"a\"]: \(value)", "\(to).tags: \(missing)"),
    ViolationRow(
      "the administration's port is an inbound's",
      networking("address: 127.0.0.1, admin: {port: 80}, inbound: [{\(good)}]"),
      "networking.admin.port: must differ from inbound"),
    ViolationRow(
      "the administration's port is an application's",
      networking(
        "address: 10.0.0.1, admin: {port: 81}, inbound: [{\(good), servicePort: 81, serviceAddress: 127.0.0.1}]"),
      "networking.admin.port: must differ from inbound"),
    ViolationRow(
      "the administration's port is an outbound's",
      networking("address: 10.0.0.1, admin: {port: 82}, inbound: [{\(good)}], outbound: [{port: 82, \(tags)}]"),
      "networking.admin.port: must differ from outbound"),
    ViolationRow(
      "the administration's port is one of another address",
      networking("address: 10.0.0.1, admin: {port: 80}, inbound: [{\(good)}]")),
    ViolationRow(
      "everything at once",
      networking(
        "inbound: [{port: 0, servicePort: 70000, serviceAddress: x, address: y, tags: {a: '*'}}, {\(good)}], "
          + "outbound: [{}]"),
      "networking.address: address can't be empty", "\(at).port: \(port)", "\(at).servicePort: \(port)",
      "\(at).serviceAddress: serviceAddress has to be valid IP address", "\(at).address: \(isIP)",
      "\(at).tags[\"a\"]: \(value)", "\(at).tags[\"kuma.io/service\"]: tag has to exist", "\(to).port: \(port)",
      "\(to).tags: \(missing)"),
  ]

  /// Rows with and without violations.
  package static let rows = addressRows + inboundRows + otherRows
}
