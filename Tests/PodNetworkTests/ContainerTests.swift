import Documents
import KubernetesAPI
import ProcessSupervisor
import Testing

@testable import PodNetwork

/// What the objects of pods mean, without running them.
struct ContainerTests {
  private static func pod(_ yaml: String) throws -> KubernetesObject {
    KubernetesObject(try #require(try DocumentValue.yamlDocuments(yaml).first?.object))
  }

  private static func facts(_ pod: KubernetesObject, _ objects: [PodFacts.Reference: [String: [UInt8]]] = [:])
    -> PodFacts
  {
    PodFacts(
      pod: pod, nodeName: "node-1", hostAddress: "10.244.7.254", addresses: ["10.244.7.2", "fd00:10:244:7::2"],
      objects: objects)
  }

  private static func plan(
    _ container: String, image: ContainerImage = ContainerImage(entrypoint: ["app"], arguments: ["serve"]),
    pod more: String = "{}", objects: [PodFacts.Reference: [String: [UInt8]]] = [:]
  ) throws -> ContainerPlan {
    let pod = try pod(
      """
      metadata: {name: web-1, namespace: shop, uid: u-1, labels: {app: web}, annotations: {a: b}}
      spec: {securityContext: \(more), containers: [\(container)]}
      """)
    return try ContainerPlan(
      try #require(pod["spec"]?["containers"]?.array?.first), image: image, facts: facts(pod, objects), runtime: [:])
  }

  @Test(
    "command and arguments replace the image's as in Kubernetes",
    arguments: [
      ("{name: c}", ["app", "serve"]), ("{name: c, args: [x]}", ["app", "x"]), ("{name: c, command: [y]}", ["y"]),
      ("{name: c, command: [y], args: [x]}", ["y", "x"]), ("{name: c, args: []}", ["app"]),
      ("{name: c, args: ['$(A) $(B) $$(A)'], env: [{name: A, value: one}]}", ["app", "one $(B) $(A)"]),
    ])
  func commands(_ container: String, _ command: [String]) throws {
    #expect(try Self.plan(container).command == command)
  }

  @Test("variables are resolved in their order, from fields, resources, ConfigMaps and Secrets")
  func environment() throws {
    let variables = [
      "{name: LATE, value: $(EARLY)}", "{name: EARLY, value: x$(P_one)}",
      "{name: IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}",
      #"{name: LABEL, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}"#,
      "{name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}",
      "{name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}",
      "{name: MILLIS, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}",
      "{name: BYTES, valueFrom: {resourceFieldRef: {resource: limits.memory}}}",
      "{name: SECRET, valueFrom: {secretKeyRef: {name: keys, key: k}}}",
      "{name: NONE, valueFrom: {secretKeyRef: {name: keys, key: no, optional: true}}}", "{name: PATH, value: /bin}",
    ]
    let plan = try Self.plan(
      "{name: c, resources: {limits: {cpu: 1500m, memory: 64Mi}}, envFrom: [{prefix: P_, configMapRef: {name: words}}, "
        + "{secretRef: {name: absent, optional: true}}], env: [\(variables.joined(separator: ", "))]}",
      objects: [
        .init(kind: .configMap, name: "words"): ["one": Array("1".utf8)],
        .init(kind: .secret, name: "keys"): ["k": Array("s".utf8)],
      ])
    let expected = [
      "P_one": "1", "LATE": "$(EARLY)", "EARLY": "x1", "IPS": "10.244.7.2,fd00:10:244:7::2", "LABEL": "web",
      "HOST": "10.244.7.254", "CPUS": "2", "MILLIS": "1500", "BYTES": "67108864", "SECRET": "s", "PATH": "/bin",
      "HOSTNAME": "web-1", "HOME": "/root",
    ]
    #expect(plan.environment == expected)
  }

  @Test(
    "what cannot be resolved is named",
    arguments: [
      ("{name: c, env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}", #"Secret "s" not found"#),
      ("{name: c, envFrom: [{configMapRef: {name: s}}]}", #"ConfigMap "s" not found"#),
      ("{name: c, env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.x}}}]}", #""spec.x""#),
      ("{name: c, env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.x}}}]}", #""limits.x""#),
      ("{name: c, securityContext: {runAsNonRoot: true}}", "runAsNonRoot"),
    ])
  func failures(_ container: String, _ words: String) throws {
    let error = #expect(throws: PodNetworkError.self) { try Self.plan(container) }
    #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    #expect(error?.code == .badPod)
  }

  @Test("users, groups and capabilities are the container's, else the pod's, else the image's")
  func rights() throws {
    let own = try Self.plan(
      "{name: c, securityContext: {runAsUser: 7, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, "
        + "capabilities: {drop: [ALL], add: [NET_ADMIN, CAP_NET_RAW]}}}",
      pod: "{runAsUser: 5, runAsGroup: 6, fsGroup: 8}")
    #expect((own.user, own.group) == (7, 6) && own.supplementaryGroups == [8])
    #expect(own.capabilities == ["net_admin", "net_raw"])
    #expect(!own.canGainPrivileges && own.isRootReadOnly)
    let words = ContainerScript.program(own)
    #expect(words.starts(with: ["setpriv", "--reuid", "7", "--regid", "6", "--groups", "8"]))
    #expect(words.contains("-all,+net_admin,+net_raw") && words.contains("--no-new-privs"))

    let plain = try Self.plan("{name: c}", image: ContainerImage(entrypoint: ["app"], user: 9))
    #expect((plain.user, plain.group) == (9, 0) && plain.canGainPrivileges && !plain.isRootReadOnly)
    #expect(plain.capabilities.contains("net_bind_service") && !plain.capabilities.contains("net_admin"))
    #expect(try Self.plan("{name: c, securityContext: {capabilities: {add: [ALL]}}}").capabilities == ["all"])
  }

  @Test("an image is known by the last part of its name")
  func images() {
    for name in ["kuma-dp", "kuma-dp:1.0", "kumahq/kuma-dp@sha256:00", "registry.example.org:5000/a/kuma-dp:2"] {
      #expect(ContainerImage.shortName(name) == "kuma-dp")
    }
  }

  @Test("words of the shell stay what they are")
  func quoting() {
    #expect(ContainerScript.quoted("a 'b' $(c)") == #"'a '\''b'\'' $(c)'"#)
  }

  @Test("a probe counts when its threshold is full")
  func probes() throws {
    let container = try #require(
      try DocumentValue.yamlDocuments("{name: c, ports: [{name: http, containerPort: 8080}]}").first)
    let text = "{httpGet: {path: health, port: http, scheme: HTTPS}, failureThreshold: 2, successThreshold: 3}"
    let probe = try #require(ProbePlan(try DocumentValue.yamlDocuments(text).first, of: container))
    #expect(
      probe.action == .http(address: nil, port: 8080, path: "/health", headers: [], isTLS: true))
    #expect(probe.period == .seconds(10) && probe.timeout == .seconds(1) && probe.initialDelay == .zero)
    var count = ProbeCount(probe, isSuccess: false)
    #expect(
      [true, true, true, false, true, false, false].map { count.take($0) } == [nil, nil, true, nil, nil, nil, false])
  }

  @Test("a cluster's names lead to ClusterIPs, and to the pods of headless Services that are ready")
  func names() throws {
    var names = ClusterNames(others: ["control-plane": "10.244.7.254"])
    names.services = try [
      "{metadata: {name: web, namespace: shop}, spec: {clusterIP: 10.96.0.7, selector: {app: web}}}",
      "{metadata: {name: direct, namespace: shop}, spec: {clusterIP: None, selector: {app: web}}}",
      "{metadata: {name: api, namespace: other}, spec: {clusterIPs: [10.96.0.8, 'fd00::8']}}",
      "{metadata: {name: named, namespace: shop}, spec: {type: ExternalName}}",
    ].map(Self.pod)
    names.pods = try [("10.244.7.3", "True"), ("10.244.7.4", "False")].map {
      try Self.pod(
        "{metadata: {name: p, namespace: shop, labels: {app: web}}, status: {podIP: \($0.0), conditions: "
          + "[{type: Ready, status: '\($0.1)'}]}}")
    }
    #expect(
      names.hosts(for: "me", addresses: ["10.244.7.2"], namespace: "shop") == """
        127.0.0.1 localhost
        ::1 localhost ip6-localhost ip6-loopback
        10.244.7.2 me
        10.244.7.254 control-plane
        10.96.0.8 api.other.svc.cluster.local api.other.svc api.other
        fd00::8 api.other.svc.cluster.local api.other.svc api.other
        10.244.7.3 direct.shop.svc.cluster.local direct.shop.svc direct.shop direct
        10.96.0.7 web.shop.svc.cluster.local web.shop.svc web.shop web

        """)
  }

  @Test("the phase of a pod follows from its containers")
  func phases() {
    func phase(_ states: [ContainerStatus.State], _ policy: PodStatus.RestartPolicy, last: Bool = false) -> String {
      let containers = states.enumerated().map { index, state in
        var status = ContainerStatus(name: "\(index)", image: "", state: state)
        status.lastEnd = last ? end(1) : nil
        return status
      }
      var status = PodStatus(
        uid: "u", restartPolicy: policy, startTime: time, hostAddress: "", initContainers: [], containers: containers)
      status.isInitialized = true
      return status.phase
    }
    let time = Timestamp(seconds: 1)
    func end(_ code: Int32) -> ContainerStatus.State { .terminated(.exited(code), since: time, until: time) }
    let (running, waiting) = (
      ContainerStatus.State.running(since: time), ContainerStatus.State.waiting(reason: "", message: "")
    )
    #expect(phase([running, waiting], .always) == "Pending")
    #expect(phase([running, waiting], .always, last: true) == "Running")
    #expect(phase([running, end(0)], .never) == "Running")
    #expect(phase([end(0), end(0)], .never) == "Succeeded")
    #expect(phase([end(0), end(2)], .never) == "Failed")
    #expect(phase([end(0), end(2)], .onFailure) == "Running")
    #expect(phase([end(0), end(0)], .always) == "Running")
  }
}
