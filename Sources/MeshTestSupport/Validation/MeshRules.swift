/// The rules of a Mesh.
package enum MeshRules {
  private static func backends(_ backends: String) -> String {
    "{type: Mesh, name: m, tracing: {backends: [\(backends)]}}"
  }
  private static let conf = "conf: {url: 'http://z:9411/a'}"
  private static let path = "tracing.backends[0]"
  private static let config = "tracing.backends[0].config"
  private static let unknownType = #"unknown backend type. Available backends: "zipkin", "datadog""#
  private static let range = "has to be in [0.0 - 100.0] range"
  private static let port = "port must be in the range [1, 65535]"
  private static let cannotBeEmpty = "cannot be empty"

  /// Rows with and without violations.
  package static let rows = [
    ViolationRow("no tracing", "{type: Mesh, name: m}"),
    ViolationRow("empty tracing", "{type: Mesh, name: m, tracing: {}}"),
    ViolationRow("no backends", "{type: Mesh, name: m, tracing: {defaultBackend: '', backends: []}}"),
    ViolationRow("backends without a default", backends("{name: a, type: zipkin, \(conf)}")),
    ViolationRow(
      "empty name", backends("{name: '', type: zipkin, \(conf)}"), "\(path).name: \(cannotBeEmpty)"),
    ViolationRow("missing name", backends("{type: zipkin, \(conf)}"), "\(path).name: \(cannotBeEmpty)"),
    ViolationRow(
      "two unnamed backends", backends("{type: zipkin, \(conf)}, {type: zipkin, \(conf)}"),
      "\(path).name: \(cannotBeEmpty)", "tracing.backends[1].name: \(cannotBeEmpty)",
      #"tracing.backends[1].name: "" name is already used for another backend"#),
    ViolationRow(
      "a name used twice", backends("{name: a, type: zipkin, \(conf)}, {name: a, type: zipkin, \(conf)}"),
      #"tracing.backends[1].name: "a" name is already used for another backend"#),
    ViolationRow(
      "quotes, line ends and what cannot be seen in a name used twice",
      backends(#"{name: "a\"\n\u200b", type: zipkin, \#(conf)}, {name: "a\"\n\u200b", type: zipkin, \#(conf)}"#),
      ##"tracing.backends[1].name: "a\"\n\u200b" name is already used for another backend"##),
    ViolationRow(
      "a backend that is null", backends("~"), "\(path).name: \(cannotBeEmpty)", "\(path).type: \(unknownType)"),
    ViolationRow(
      "an infinite sampling", backends("{name: a, type: zipkin, sampling: Infinity, \(conf)}"),
      "\(path).sampling: \(range)"),
    ViolationRow(
      "a sampling below all", backends("{name: a, type: zipkin, sampling: -Infinity, \(conf)}"),
      "\(path).sampling: \(range)"),
    ViolationRow(
      "a sampling that is no number", backends("{name: a, type: zipkin, sampling: NaN, \(conf)}"),
      "\(path).sampling: \(range)"),
    ViolationRow("unknown type", backends("{name: a, type: jaeger, \(conf)}"), "\(path).type: \(unknownType)"),
    ViolationRow("missing type", backends("{name: a, \(conf)}"), "\(path).type: \(unknownType)"),
    ViolationRow("type in upper case", backends("{name: a, type: Zipkin, \(conf)}"), "\(path).type: \(unknownType)"),
    ViolationRow("sampling 0", backends("{name: a, type: zipkin, sampling: 0, \(conf)}")),
    ViolationRow("sampling 100", backends("{name: a, type: zipkin, sampling: 100.0, \(conf)}")),
    ViolationRow("sampling as text", backends("{name: a, type: zipkin, sampling: '50', \(conf)}")),
    ViolationRow(
      "sampling below", backends("{name: a, type: zipkin, sampling: -0.1, \(conf)}"), "\(path).sampling: \(range)"),
    ViolationRow(
      "sampling above", backends("{name: a, type: zipkin, sampling: 100.01, \(conf)}"), "\(path).sampling: \(range)"),
    ViolationRow(
      "sampling far above", backends("{name: a, type: zipkin, sampling: 1e300, \(conf)}"), "\(path).sampling: \(range)"),
    ViolationRow("conf missing", backends("{name: a, type: zipkin}"), "\(config).url: \(cannotBeEmpty)"),
    ViolationRow("conf null", backends("{name: a, type: zipkin, conf: ~}"), "\(config).url: \(cannotBeEmpty)"),
    ViolationRow("url empty", backends("{name: a, type: zipkin, conf: {url: ''}}"), "\(config).url: \(cannotBeEmpty)"),
    ViolationRow("url invalid", backends("{name: a, type: zipkin, conf: {url: x}}"), "\(config).url: invalid URL"),
    ViolationRow(
      "url without port", backends("{name: a, type: zipkin, conf: {url: 'http://z/a'}}"),
      "\(config).url: port has to be explicitly specified"),
    ViolationRow(
      "url of the wrong kind", backends("{name: a, type: zipkin, conf: {url: 9411}}"),
      "\(config): could not parse config: url has to be text, not number"),
    ViolationRow(
      "apiVersion unknown", backends("{name: a, type: zipkin, conf: {url: 'http://z:1/a', apiVersion: v2}}"),
      "\(config).apiVersion: has invalid value. Allowed values: httpJsonV1, httpJson, httpProto"),
    ViolationRow("apiVersion auto", backends("{name: a, type: zipkin, conf: {url: 'http://z:1/a', apiVersion: auto}}")),
    ViolationRow(
      "apiVersion auto in upper case",
      backends("{name: a, type: zipkin, conf: {url: 'http://z:1/a', apiVersion: AUTO}}"),
      "\(config).apiVersion: has invalid value. Allowed values: httpJsonV1, httpJson, httpProto"),
    ViolationRow(
      "apiVersion before url", backends("{name: a, type: zipkin, conf: {apiVersion: v2}}"),
      "\(config).apiVersion: has invalid value. Allowed values: httpJsonV1, httpJson, httpProto",
      "\(config).url: \(cannotBeEmpty)"),
    ViolationRow(
      "every zipkin setting",
      backends(
        "{name: a, type: zipkin, conf: {url: 'https://z:1/a', apiVersion: httpProto, traceId128bit: true, "
          + "sharedSpanContext: false, traceContextOption: USE_B3}}")),
    ViolationRow(
      "traceContextOption with W3C",
      backends("{name: a, type: zipkin, conf: {url: 'http://z:1/a', traceContextOption: USE_B3_WITH_W3C_PROPAGATION}}")),
    ViolationRow(
      "traceContextOption unknown",
      backends("{name: a, type: zipkin, conf: {url: 'http://z:1/a', traceContextOption: w3c}}"),
      "\(config).traceContextOption: has invalid value. Allowed values: USE_B3, USE_B3_WITH_W3C_PROPAGATION"),
    ViolationRow(
      "traceContextOption of the wrong kind",
      backends("{name: a, type: zipkin, conf: {url: 'http://z:1/a', traceContextOption: true}}"),
      "\(config): could not parse config: traceContextOption has to be text, not bool"),
    ViolationRow("datadog", backends("{name: a, type: datadog, conf: {address: dd, port: 8126, splitService: true}}")),
    ViolationRow("datadog, port as text", backends("{name: a, type: datadog, conf: {address: dd, port: '8126'}}")),
    ViolationRow(
      "datadog, nothing given", backends("{name: a, type: datadog}"), "\(config).address: \(cannotBeEmpty)",
      "\(config).port: \(port)"),
    ViolationRow(
      "datadog, port too large", backends("{name: a, type: datadog, conf: {address: dd, port: 65536}}"),
      "\(config).port: \(port)"),
    ViolationRow(
      "default unknown", "{type: Mesh, name: m, tracing: {defaultBackend: b}}",
      "tracing.defaultBackend: has to be set to one of the tracing backend in mesh"),
    ViolationRow(
      "everything at once",
      """
      {type: Mesh, name: m, tracing: {defaultBackend: c, backends: [{sampling: 101, type: x}, \
      {name: a, type: datadog, conf: {port: 0}}, {name: a, type: zipkin, sampling: -1}]}}
      """,
      "\(path).name: \(cannotBeEmpty)", "\(path).sampling: \(range)", "\(path).type: \(unknownType)",
      "tracing.backends[1].config.address: \(cannotBeEmpty)", "tracing.backends[1].config.port: \(port)",
      "tracing.backends[2].sampling: \(range)", "tracing.backends[2].config.url: \(cannotBeEmpty)",
      #"tracing.backends[2].name: "a" name is already used for another backend"#,
      "tracing.defaultBackend: has to be set to one of the tracing backend in mesh"),
  ]
}
