import Documents
import KubernetesAPI

/// How a container is run: what its pod says, with all values resolved.
struct ContainerPlan: Sendable, Hashable {
  /// A volume at a path.
  struct Mount: Sendable, Hashable {
    var volume: String
    /// A folder of the volume; empty for all of it.
    var subPath: String
    var path: String
    var isReadOnly: Bool
  }

  var name: String
  /// The program and its arguments.
  var command: [String]
  var environment: [String: String]
  var directory: String
  var user: UInt32
  var group: UInt32
  var supplementaryGroups: [UInt32]
  /// The capabilities that root can have in it, in lower case and without `cap_`.
  var capabilities: [String]
  var canGainPrivileges: Bool
  var isRootReadOnly: Bool
  var mounts: [Mount]

  /// What container runtimes leave to root where a container says nothing.
  private static let usualCapabilities = [
    "audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service", "net_raw",
    "setfcap", "setgid", "setpcap", "setuid", "sys_chroot",
  ]

  /// Resolves a container of a pod.
  ///
  /// - Parameter runtime: variables that each container of the node has, such as the API server's address.
  /// - Throws: ``PodNetworkError``, naming the container and what it refers to.
  init(
    _ container: DocumentValue, image: ContainerImage, facts: PodFacts, runtime: [String: String]
  ) throws(PodNetworkError) {
    name = container["name"]?.string ?? ""
    let context = container["securityContext"]
    let podContext = facts.pod["spec"]?["securityContext"]
    func number(_ key: String) -> UInt32? {
      (context?[key] ?? podContext?[key])?.number.flatMap(UInt32.init(exactly:))
    }
    user = number("runAsUser") ?? image.user
    group = number("runAsGroup") ?? 0
    if (context?["runAsNonRoot"] ?? podContext?["runAsNonRoot"])?.bool == true, user == 0 {
      throw PodNetworkError(
        code: .badPod, message: "container has runAsNonRoot and image will run as root (container: \(name))")
    }
    supplementaryGroups = ([podContext?["fsGroup"]] + (podContext?["supplementalGroups"]?.array ?? []))
      .compactMap { $0?.number.flatMap(UInt32.init(exactly:)) }
    capabilities = Self.capabilities(context?["capabilities"])
    canGainPrivileges = context?["allowPrivilegeEscalation"]?.bool ?? true
    isRootReadOnly = context?["readOnlyRootFilesystem"]?.bool ?? false
    mounts = (container["volumeMounts"]?.array ?? []).map { mount in
      Mount(
        volume: mount["name"]?.string ?? "", subPath: mount["subPath"]?.string ?? "",
        path: mount["mountPath"]?.string ?? "", isReadOnly: mount["readOnly"]?.bool ?? false)
    }
    let usual = [
      "PATH": ContainerImage.path, "HOSTNAME": facts.pod.name, "HOME": user == 0 ? "/root" : "/",
    ]
    let environment = try Self.environment(
      of: container, image: image, facts: facts, runtime: usual.merging(runtime) { $1 })
    self.environment = environment
    directory = container["workingDir"]?.string ?? "/"
    let ownCommand = container["command"]?.array?.compactMap(\.string) ?? []
    let ownArguments = container["args"]?.array?.compactMap(\.string)
    let arguments = ownArguments ?? (ownCommand.isEmpty ? image.arguments : [])
    command = ((ownCommand.isEmpty ? image.entrypoint : ownCommand) + arguments).map { Self.expand($0, environment) }
    guard !command.isEmpty else {
      throw PodNetworkError(code: .badPod, message: "no command specified (container: \(name))")
    }
  }

  private static func capabilities(_ value: DocumentValue?) -> [String] {
    func names(_ key: String) -> [String] {
      (value?[key]?.array ?? []).compactMap { $0.string?.lowercased() }
        .map { $0.hasPrefix("cap_") ? String($0.dropFirst(4)) : $0 }
    }
    let (added, dropped) = (names("add"), names("drop"))
    var result = Set(dropped.contains("all") ? [] : usualCapabilities).subtracting(dropped)
    result.formUnion(added)
    return result.contains("all") ? ["all"] : result.sorted()
  }

  /// What the containers of a pod refer to, volumes included.
  static func references(of pod: KubernetesObject) -> Set<PodFacts.Reference> {
    var result: Set<PodFacts.Reference> = []
    func note(_ value: DocumentValue?, _ kind: PodFacts.Reference.Kind) {
      guard let name = (value?["name"] ?? value?["secretName"])?.string else { return }
      result.insert(PodFacts.Reference(kind: kind, name: name))
    }
    let spec = pod["spec"]
    for container in (spec?["initContainers"]?.array ?? []) + (spec?["containers"]?.array ?? []) {
      for source in container["envFrom"]?.array ?? [] {
        note(source["configMapRef"], .configMap)
        note(source["secretRef"], .secret)
      }
      for variable in container["env"]?.array ?? [] {
        note(variable["valueFrom"]?["configMapKeyRef"], .configMap)
        note(variable["valueFrom"]?["secretKeyRef"], .secret)
      }
    }
    for volume in spec?["volumes"]?.array ?? [] {
      for source in [volume] + (volume["projected"]?["sources"]?.array ?? []) {
        note(source["configMap"], .configMap)
        note(source["secret"], .secret)
      }
    }
    return result
  }
}
