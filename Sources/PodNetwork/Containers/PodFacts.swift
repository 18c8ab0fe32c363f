import Documents
import Foundation
import KubernetesAPI
import OrderedCollections

/// What the values of containers may refer to: the pod, its node, and the ConfigMaps and Secrets that it names.
struct PodFacts: Sendable {
  /// A ConfigMap or a Secret of the pod's namespace.
  struct Reference: Sendable, Hashable {
    enum Kind: Sendable, Hashable { case configMap, secret }

    var kind: Kind
    var name: String

    /// The object in a sentence: `Secret "x"`.
    var words: String { "\(kind == .secret ? "Secret" : "ConfigMap") \(name.quoted)" }
  }

  var pod: KubernetesObject
  var nodeName: String
  var hostAddress: String
  var addresses: [String]
  /// The data of the objects that exist.
  var objects: [Reference: [String: [UInt8]]] = [:]

  /// A field of the pod, as `fieldRef` names it.
  func field(_ path: String) throws(PodNetworkError) -> String {
    let spec = pod["spec"]
    switch path {
    case "metadata.name": return pod.name
    case "metadata.namespace": return pod.namespace ?? ""
    case "metadata.uid": return pod.uid
    case "spec.nodeName": return nodeName
    case "spec.serviceAccountName": return spec?["serviceAccountName"]?.string ?? "default"
    case "status.hostIP": return hostAddress
    case "status.podIP": return addresses.first ?? ""
    case "status.podIPs": return addresses.joined(separator: ",")
    default: break
    }
    for (prefix, texts) in [("metadata.labels", pod.labels), ("metadata.annotations", pod.annotations)] {
      if path == prefix {
        return texts.sorted { $0.key < $1.key }.map { "\($0.key)=\(DocumentValue.string($0.value).json())" }
          .joined(separator: "\n")
      }
      guard path.hasPrefix("\(prefix)['"), path.hasSuffix("']") else { continue }
      return texts[String(path.dropFirst(prefix.count + 2).dropLast(2))] ?? ""
    }
    throw PodNetworkError(code: .badPod, message: "there is no field \(path.quoted) that a container can refer to")
  }

  /// A limit or a request of a container, as `resourceFieldRef` names it, in whole units of its divisor.
  func resource(_ reference: DocumentValue, of container: DocumentValue) throws(PodNetworkError) -> String {
    let path = reference["resource"]?.string ?? ""
    let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
    let divisor = reference["divisor"]?.scalarText ?? "1"
    guard parts.count == 2, parts[0] == "limits" || parts[0] == "requests",
      let unit = Self.quantity(divisor == "0" ? "1" : divisor), unit > 0,
      let text = container["resources"]?[parts[0]]?[parts[1]]?.scalarText ?? Self.wholeMachine[parts[1]],
      let amount = Self.quantity(text)
    else { throw PodNetworkError(code: .badPod, message: "the resource \(path.quoted) cannot be referred to") }
    let whole = (amount / unit).rounded(.up)
    guard let number = Int64(exactly: whole) else {
      throw PodNetworkError(
        code: .badPod, message: "the resource \(path.quoted) is not a number that can be referred to")
    }
    return "\(number)"
  }

  /// What a container without a limit has.
  private static let wholeMachine = ["cpu": "2", "memory": "2Gi", "ephemeral-storage": "2Gi"]

  /// The number that a quantity such as `100m` or `64Mi` stands for. Source:
  /// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
  static func quantity(_ text: String) -> Double? {
    let factors: [(String, Double)] = [
      ("Ki", 0x1p10), ("Mi", 0x1p20), ("Gi", 0x1p30), ("Ti", 0x1p40), ("m", 1e-3), ("k", 1e3), ("M", 1e6), ("G", 1e9),
      ("T", 1e12),
    ]
    for (suffix, factor) in factors where text.hasSuffix(suffix) {
      return Double(text.dropLast(suffix.count)).map { $0 * factor }
    }
    return Double(text)
  }

  /// The data of a ConfigMap or a Secret.
  static func data(of object: KubernetesObject) -> [String: [UInt8]] {
    var data: [String: [UInt8]] = [:]
    let isSecret = object.kind == "Secret"
    for (key, value) in object["data"]?.object ?? [:] {
      guard let text = value.string else { continue }
      data[key] = isSecret ? Data(base64Encoded: text).map { Array($0) } : Array(text.utf8)
    }
    for (key, value) in object["binaryData"]?.object ?? [:] {
      data[key] = value.string.flatMap { Data(base64Encoded: $0) }.map { Array($0) }
    }
    return data
  }
}
