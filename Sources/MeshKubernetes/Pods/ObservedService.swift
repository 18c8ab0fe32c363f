import Documents
package import KubernetesAPI
import MeshModel
import OrderedCollections

/// What matters of a Service for the proxies of its pods and for those that call them.
package struct ObservedService: Sendable, Hashable {
  package var name: ObjectName
  package var uid: String
  package var annotations: Annotations
  /// Which labels its pods have; empty for none.
  package var selector: [String: String]
  package var ports: [Port]
  /// Whether it only stands for a name in the DNS of others.
  package var isExternalName: Bool
  /// Whether its clients get the addresses of its pods.
  package var isHeadless: Bool
  /// The virtual addresses, of both families; empty for none.
  package var clusterIPs: [String]

  /// A port of a Service.
  package struct Port: Sendable, Hashable {
    package var name: String
    package var number: UInt32
    package var isTCP: Bool
    package var target: Target
    package var appProtocol: String?
  }

  /// Where the connections to a port of a Service go in its pods.
  package enum Target: Sendable, Hashable {
    case number(UInt32)
    case name(String)
  }

  /// Reads an object. What has another form than the API server's counts as absent.
  package init(_ object: KubernetesObject) {
    name = ObjectName(object)
    uid = object.uid
    annotations = Annotations(object.metadata["annotations"])
    let spec = object["spec"]
    selector = Annotations(spec?["selector"]).values
    ports = (spec?["ports"]?.array ?? []).compactMap(Port.init)
    isExternalName = spec?["type"]?.string == "ExternalName"
    let main = spec?["clusterIP"]?.string ?? ""
    isHeadless = main == Self.headless
    // Servers before 1.20 give one address alone.
    let all = (spec?["clusterIPs"]?.array ?? []).compactMap(\.string)
    clusterIPs = isHeadless || isExternalName ? [] : (all.isEmpty ? [main] : all).filter { !$0.isEmpty }
  }

  /// The address of a Service that has none.
  private static let headless = "None"

  /// Whether it makes no inbounds. A value that cannot be read does not count. Source: Kuma 2.7.
  var isIgnored: Bool { (try? annotations.boolean(ServiceAnnotation.ignore.rawValue)) ?? false }

  /// The service tag of one of its ports. Source: Kuma 2.7.
  package func tag(ofPort port: UInt32) -> String { "\(name.name)_\(name.namespace)_svc_\(port)" }

  /// Whether its selector, without some labels, matches the labels of a pod.
  func selects(_ labels: [String: String], ignoring ignored: [String] = []) -> Bool {
    selector.allSatisfy { labels[$0.key] == $0.value || ignored.contains($0.key) }
  }
}

extension ObservedService.Port {
  fileprivate init?(_ document: DocumentValue) {
    guard let number = document["port"]?.port else { return nil }
    name = document["name"]?.string ?? ""
    self.number = number
    isTCP = (document["protocol"]?.string ?? "TCP") == "TCP"
    appProtocol = document["appProtocol"]?.string
    // The API server sets it to the port where it is not given.
    switch document["targetPort"] {
    case .string(let name)?: target = .name(name)
    case let value?: target = .number(value.port ?? number)
    case nil: target = .number(number)
    }
  }
}
