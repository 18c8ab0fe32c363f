import Documents
import MeshModel
import OrderedCollections
import TransparentProxy

/// The init container `kuma-init`, which redirects the traffic of the pod to its sidecar. Source: Kuma 2.7.
struct InitContainer {
  /// The name of the container.
  static let name = "kuma-init"
  /// The volume for what it writes.
  static let temporaryVolume = "kuma-init-tmp"

  /// The container as an object.
  let document: DocumentValue.Object
  /// Whether it runs before the other init containers.
  let isFirst: Bool

  /// - Parameter annotations: those of the pod, with the injected ones in their places.
  /// - Throws: when one has a value that cannot be used.
  init(
    of pod: PodDocument, annotations: Annotations, settings: InjectorSettings
  ) throws(AnnotationError) {
    var security: DocumentValue.Object = [
      "runAsUser": 0, "runAsGroup": 0, "capabilities": ["add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]],
      "readOnlyRootFilesystem": true,
    ]
    // Else the kubelet would refuse to start this container in a pod whose containers may not run as root.
    if pod.spec["securityContext"]?["runAsNonRoot"]?.bool == true { security["runAsNonRoot"] = false }
    document = [
      "name": .string(Self.name), "image": .string(settings.initImage), "imagePullPolicy": "IfNotPresent",
      "command": ["/usr/bin/kumactl", "install", "transparent-proxy"],
      "args": .array(try Self.arguments(of: annotations).map(DocumentValue.string)),
      // iptables has to write its lock.
      "env": [["name": "XTABLES_LOCKFILE", "value": "/tmp/xtables.lock"]],
      "securityContext": .object(security),
      "resources": ["requests": ["cpu": "20m", "memory": "20M"], "limits": ["cpu": "100m", "memory": "50M"]],
      "volumeMounts": [["name": .string(Self.temporaryVolume), "mountPath": "/tmp"]],
    ]
    isFirst = try annotations.boolean(.initFirst) ?? false
  }

  private static func arguments(of annotations: Annotations) throws(AnnotationError) -> [String] {
    try checkExclusions(annotations)
    let isGateway = try InjectedAnnotations.isGateway(annotations)
    var arguments = [
      "--config-file", "/tmp/kumactl/config",
      "--redirect-outbound-port", annotations[.outboundPort] ?? "",
      "--redirect-inbound=\(!isGateway)",
      "--redirect-inbound-port", annotations[.inboundPort] ?? "",
      "--kuma-dp-uid", annotations[.sidecarUID] ?? "",
      "--exclude-inbound-ports", annotations[.excludeInboundPorts] ?? "",
      "--exclude-outbound-ports", annotations[.excludeOutboundPorts] ?? "",
      "--verbose",
    ]
    for (_, rule) in excludedForUsers(annotations) { arguments += ["--exclude-outbound-ports-for-uids", rule] }
    arguments += ["--ip-family-mode", annotations[.ipFamilyMode] ?? ""]
    return arguments
  }

  /// Refuses what the container could not read: it would fail each time it is started, and the pod would never run.
  private static func checkExclusions(_ annotations: Annotations) throws(AnnotationError) {
    for annotation in [PodAnnotation.excludeInboundPorts, .excludeOutboundPorts] {
      guard let text = annotations[annotation] else { continue }
      do throws(RedirectValueError) {
        _ = try RedirectSettings.ports(text)
      } catch {
        throw AnnotationError(annotation, text, error)
      }
    }
    for (annotation, rule) in excludedForUsers(annotations) {
      do throws(RedirectValueError) {
        _ = try UserExclusion.parse(rule)
      } catch {
        throw AnnotationError(annotation, annotations[annotation] ?? "", error)
      }
    }
  }

  /// The rules about ports of users. Source: Kuma 2.7, which splits them at semicolons.
  private static func excludedForUsers(_ annotations: Annotations) -> [(annotation: PodAnnotation, rule: String)] {
    let kinds: [(annotation: PodAnnotation, prefix: String)] = [
      (.excludeOutboundPortsForUIDs, ""), (.excludeOutboundTCPPortsForUIDs, "tcp:"),
      (.excludeOutboundUDPPortsForUIDs, "udp:"),
    ]
    return kinds.flatMap { annotation, prefix in
      (annotations[annotation]?.split(separator: ";", omittingEmptySubsequences: false) ?? []).map {
        (annotation, prefix + $0)
      }
    }
  }
}

extension AnnotationError {
  fileprivate init(_ annotation: PodAnnotation, _ text: String, _ reason: RedirectValueError) {
    self.init(
      code: .wrongValue, key: annotation.rawValue,
      message: "annotation \(annotation.rawValue.quoted) has wrong value \(text.abridged().quoted): "
        + reason.description.printable(atMost: 300))
  }
}
