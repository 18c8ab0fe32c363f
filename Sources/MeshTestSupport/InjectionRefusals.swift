package import Documents
import MeshModel
import OrderedCollections

/// Pods that the injector refuses, with the texts of Kuma 2.7, and where Kuma takes what cannot work, with a text of our own.
package enum InjectionRefusals {
  /// A pod, and why it is refused.
  package struct Row: Sendable, CustomStringConvertible {
    package let description: String
    /// Labels of the namespace.
    var labels = ["kuma.io/sidecar-injection": "enabled"]
    /// Annotations of the namespace.
    var namespaceAnnotations: [String: String] = [:]
    var annotations: [String: String] = [:]
    var podLabels: [String: String] = [:]
    var container: DocumentValue.Object = [:]
    /// Further fields of the pod's `spec`.
    var spec: DocumentValue.Object = [:]
    package let message: String

    /// The pod.
    package var pod: DocumentValue {
      var web: DocumentValue.Object = ["name": "web", "image": "registry.example/web:1"]
      for (key, value) in container { web[key] = value }
      var spec: DocumentValue.Object = ["containers": [.object(web)]]
      for (key, value) in self.spec { spec[key] = value }
      return [
        "apiVersion": "v1", "kind": "Pod",
        "metadata": [
          "name": .string("refused-\(description.replacing(" ", with: "-"))"), "namespace": "shop",
          "labels": Self.map(podLabels), "annotations": Self.map(annotations),
        ],
        "spec": .object(spec),
      ]
    }

    /// The namespace of the pod.
    package var namespace: DocumentValue.Object {
      [
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": ["name": "shop", "labels": Self.map(labels), "annotations": Self.map(namespaceAnnotations)],
      ]
    }

    private static func map(_ texts: [String: String]) -> DocumentValue {
      .object(DocumentValue.Object(uniqueKeysWithValues: texts.sorted { $0.key < $1.key }.map { ($0, .string($1)) }))
    }
  }

  private static func annotation(_ description: String, _ key: String, _ value: String, _ message: String) -> Row {
    Row(description: description, annotations: [key: value], message: message)
  }

  private static let generating = "could not generate annotations for pod: "
  private static let number = "failed to parse annotation "

  /// Every refusal.
  package static let rows: [Row] =
    [
      Row(
        description: "label of the pod", podLabels: ["kuma.io/sidecar-injection": "on"],
        message: #"annotation "kuma.io/sidecar-injection" has wrong value "on""#),
      Row(
        description: "label of the namespace", labels: ["kuma.io/sidecar-injection": "on"],
        message: #"annotation "kuma.io/sidecar-injection" has wrong value "on""#),
      annotation("mesh of the pod", "kuma.io/mesh", "nowhere", #"meshes.kuma.io "nowhere" not found"#),
      annotation("impossible mesh", "kuma.io/mesh", "../shop", #"meshes.kuma.io "../shop" not found"#),
      Row(
        description: "mesh of the namespace", namespaceAnnotations: ["kuma.io/mesh": "nowhere"],
        message: #"meshes.kuma.io "nowhere" not found"#),
      Row(
        description: "user of the sidecar", container: ["securityContext": ["runAsUser": 5678]],
        message: #"containers using same UID as sidecar is unsupported: ["web"]"#),
      annotation(
        "token volume", "kuma.io/service-account-token-volume", "tokens",
        "volume (tokens) specified for kuma.io/service-account-token-volume but volume does not exist in pod spec"),
      annotation(
        "environment", "kuma.io/sidecar-env-vars", "A=1;B",
        #"invalid format. Map in "kuma.io/sidecar-env-vars" has to be provided in the following format: "#
          + "key1=value1;key2=value2"),
      annotation(
        "concurrency", "kuma.io/sidecar-proxy-concurrency", "two",
        number + #""kuma.io/sidecar-proxy-concurrency": strconv.ParseUint: parsing "two": invalid syntax"#),
      annotation(
        "large concurrency", "kuma.io/sidecar-proxy-concurrency", "4294967296",
        number + #""kuma.io/sidecar-proxy-concurrency": strconv.ParseUint: parsing "4294967296": value out of range"#),
      annotation(
        "drain time", "kuma.io/sidecar-drain-time", "30",
        number + #""kuma.io/sidecar-drain-time": time: missing unit in duration "30""#),
      annotation(
        "admin port", "kuma.io/envoy-admin-port", "-1",
        number + #""kuma.io/envoy-admin-port": strconv.ParseUint: parsing "-1": invalid syntax"#),
      annotation(
        "large admin port", "kuma.io/envoy-admin-port", "70000",
        number + #""kuma.io/envoy-admin-port": 70000 is not a port; give a number from 1 to 65535"#),
      annotation(
        "zero as admin port", "kuma.io/envoy-admin-port", "0",
        number + #""kuma.io/envoy-admin-port": 0 is not a port; give a number from 1 to 65535"#),
      annotation(
        "admin port for incoming connections", "kuma.io/envoy-admin-port", "15006",
        admin(15006, "incoming connections; choose another port")),
      annotation(
        "admin port for outgoing connections", "kuma.io/envoy-admin-port", "15001",
        admin(15001, "outgoing connections; choose another port")),
      annotation("admin port for probes", "kuma.io/envoy-admin-port", "9000", admin(9000, probes)),
      Row(
        description: "admin port for probes at their own port",
        annotations: ["kuma.io/envoy-admin-port": "9100", "kuma.io/virtual-probes-port": "9100"],
        message: admin(9100, probes)),
      annotation(
        "log level", "kuma.io/envoy-log-level", "loud",
        #"annotation "kuma.io/envoy-log-level": "loud" is not known; choose one of trace, debug, info, warning, warn, "#
          + "error, critical, off"),
      annotation(
        "log level of a component", "kuma.io/envoy-component-log-level", "upstream:loud", component("upstream:loud")),
      annotation("log level of no component", "kuma.io/envoy-component-log-level", "debug", component("debug")),
      annotation(
        "name of a variable", "kuma.io/sidecar-env-vars", "TEAM=a;A B=1", variable("A B")),
      annotation("empty name of a variable", "kuma.io/sidecar-env-vars", "=4", variable("")),
      annotation("digit in a name of a variable", "kuma.io/sidecar-env-vars", "4A=1", variable("4A")),
      taken("volume", "kuma-init-tmp", ["volumes": [["name": "kuma-init-tmp", "emptyDir": [:]]]]),
      taken("volume", "kuma-sidecar-tmp", ["volumes": [["name": "kuma-sidecar-tmp", "emptyDir": [:]]]]),
      taken(
        "init container", "kuma-init", ["initContainers": [["name": "kuma-init", "image": "registry.example/init:1"]]]),
      taken("container", "kuma-init", ["containers": [["name": "kuma-init", "image": "registry.example/web:1"]]]),
      annotation(
        "wait", "kuma.io/wait-for-dataplane-ready", "maybe",
        #"annotation "kuma.io/wait-for-dataplane-ready" has wrong value "maybe""#),
      annotation(
        "init first", "kuma.io/init-first", "first", #"annotation "kuma.io/init-first" has wrong value "first""#),
      annotation(
        "ebpf", "kuma.io/transparent-proxying-ebpf", "on",
        generating + "getting kuma.io/transparent-proxying-ebpf annotation failed: "
          + #"annotation "kuma.io/transparent-proxying-ebpf" has wrong value "on""#),
      annotation(
        "dns", "kuma.io/builtin-dns", "on", generating + #"annotation "kuma.io/builtin-dns" has wrong value "on""#),
      annotation(
        "dns port", "kuma.io/builtin-dns-port", "x",
        generating + number + #""kuma.io/builtin-dns-port": strconv.ParseUint: parsing "x": invalid syntax"#),
      annotation(
        "dns logging", "kuma.io/builtin-dns-logging", "x",
        generating + #"annotation "kuma.io/builtin-dns-logging" has wrong value "x""#),
      annotation(
        "virtual probes", "kuma.io/virtual-probes", "on",
        generating + "unable to set kuma.io/virtual-probes: "
          + #"annotation "kuma.io/virtual-probes" has wrong value "on""#),
      annotation(
        "port of virtual probes", "kuma.io/virtual-probes-port", "x",
        generating + "unable to set kuma.io/virtual-probes-port: " + number
          + #""kuma.io/virtual-probes-port": strconv.ParseUint: parsing "x": invalid syntax"#),
      annotation(
        "zero as port of virtual probes", "kuma.io/virtual-probes-port", "0",
        generating + "unable to set kuma.io/virtual-probes-port: " + number
          + #""kuma.io/virtual-probes-port": 0 is not a port; give a number from 1 to 65535"#),
      annotation(
        "gateway", "kuma.io/gateway", "builtin",
        generating + #"unable to set kuma.io/virtual-probes: annotation "kuma.io/gateway" has wrong value "builtin""#),
      annotation(
        "excluded port", "traffic.kuma.io/exclude-inbound-ports", "80,http",
        #"annotation "traffic.kuma.io/exclude-inbound-ports" has wrong value "80,http": value 'http', is not valid uint16"#
      ),
      annotation(
        "excluded range", "traffic.kuma.io/exclude-outbound-ports", "80-90",
        #"annotation "traffic.kuma.io/exclude-outbound-ports" has wrong value "80-90": value '80-90', is not valid uint16"#
      ),
      annotation(
        "excluded for users", "traffic.kuma.io/exclude-outbound-tcp-ports-for-uids", "80:1000;443:*",
        #"annotation "traffic.kuma.io/exclude-outbound-tcp-ports-for-uids" has wrong value "80:1000;443:*": "#
          + "can't use wildcard '*' for uids"),
      Row(
        description: "probes of a gateway",
        annotations: ["kuma.io/gateway": "enabled", "kuma.io/virtual-probes": "enabled"],
        message: generating + "unable to set kuma.io/virtual-probes: virtual probes can't be enabled in gateway mode"),
      Row(
        description: "probe on the port of virtual probes",
        container: ["livenessProbe": ["httpGet": ["path": "/", "port": 9000]]], message: probe(9000)),
      Row(
        description: "named probe on the port of virtual probes", annotations: ["kuma.io/virtual-probes-port": "9100"],
        container: [
          "ports": [["name": "health", "containerPort": 9100]],
          "readinessProbe": ["httpGet": ["path": "/", "port": "health"]],
        ], message: probe(9100)),
    ]

  private static let probes =
    #"probes; choose another port, or set the annotation "kuma.io/virtual-probes-port" to another"#

  private static func admin(_ port: Int, _ use: String) -> String {
    generating
      + #"annotation "kuma.io/envoy-admin-port" has wrong value "\#(port)": the sidecar uses this port for \#(use)"#
  }

  private static func component(_ text: String) -> String {
    #"annotation "kuma.io/envoy-component-log-level": "\#(text)" is not in the form component:level, such as "#
      + "upstream:debug,connection:trace"
  }

  private static func variable(_ name: String) -> String {
    #"annotation "kuma.io/sidecar-env-vars": "\#(name)" is not the name of a variable; use letters, digits, _, - and ., "#
      + "with neither a digit nor .. first"
  }

  private static func taken(_ kind: String, _ name: String, _ spec: DocumentValue.Object) -> Row {
    Row(
      description: "\(kind) \(name)", spec: spec,
      message: "\(kind) \"\(name)\" has the name of one that comes with the sidecar; rename it")
  }

  private static func probe(_ port: Int) -> String {
    "cannot override Pod's probes. Port for probe cannot be set to \(port). It is reserved for the dataplane that will "
      + "serve pods without mTLS."
  }
}
