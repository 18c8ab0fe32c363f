import Documents
import Foundation
import KubernetesTestSupport
import Logging
import OrderedCollections
import Synchronization
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("The client on a real API server", .onKubernetes, .heavy) struct KubernetesClientTests {
  private let server: KubernetesServer

  init() async throws { server = try await .shared() }

  private func client(
    _ context: String = "admin", port: Int? = nil, settings: KubernetesClient.Settings = .init()
  ) throws -> KubernetesClient {
    let path = try server.kubeconfig(port: port)
    return KubernetesClient(
      access: try .kubeconfig(path: path, context: context), userAgent: "kuma-trace-tests/1", settings: settings,
      logger: Logger(label: "test"))
  }

  private func configMap(_ namespace: String, _ name: String, _ text: String = "one") -> KubernetesObject {
    var object = KubernetesObject(.configMap, namespace: namespace, name: name)
    object["data"] = ["text": .string(text)]
    return object
  }

  // MARK: Objects

  @Test("creates, reads, replaces, patches and deletes; each refusal has its code") func objects() async throws {
    let client = try client()
    let namespace = try await server.makeNamespace()
    let created = try await client.create(.configMap, configMap(namespace, "a"))
    #expect(created.uid != "")
    #expect(created.creationTime != nil)
    #expect(try await client.get(.configMap, namespace: namespace, name: "a") == created)

    let twice = await #expect(throws: KubernetesError.self) {
      _ = try await client.create(.configMap, configMap(namespace, "a"))
    }
    #expect(twice?.code == .alreadyExists)

    var changed = created
    changed["data"] = ["text": "two"]
    let replaced = try await client.replace(.configMap, changed)
    #expect(replaced.resourceVersion != created.resourceVersion)
    let stale = await #expect(throws: KubernetesError.self) { _ = try await client.replace(.configMap, changed) }
    #expect(stale?.code == .conflict)

    let merged = try await client.patch(
      .configMap, namespace: namespace, name: "a", .merge(["data": ["more": "three", "text": .null]]),
      fieldManager: "test")
    #expect(merged["data"] == ["more": "three"])
    let operations = try await client.patch(
      .configMap, namespace: namespace, name: "a",
      .json([["op": "add", "path": "/metadata/annotations", "value": ["x/y": "four"]]]), fieldManager: "test")
    #expect(operations.annotations["x/y"] == "four")
    var owned = configMap(namespace, "b", "five").document
    owned["data"] = ["text": "five"]
    let applied = try await client.patch(
      .configMap, namespace: namespace, name: "b", .apply(.object(owned), force: true), fieldManager: "test")
    #expect(applied["data"]?["text"]?.string == "five")

    let otherObject = await #expect(throws: KubernetesError.self) {
      try await client.delete(.configMap, namespace: namespace, name: "a", uid: "another")
    }
    #expect(otherObject?.code == .conflict)
    try await client.delete(
      .configMap, namespace: namespace, name: "a", uid: created.uid, resourceVersion: operations.resourceVersion)
    let gone = await #expect(throws: KubernetesError.self) {
      _ = try await client.get(.configMap, namespace: namespace, name: "a")
    }
    #expect(gone?.code == .notFound)
    #expect(
      gone?.message == "cannot get \"configmaps\" \"a\" in namespace \"\(namespace)\" at \(server.address): "
        + "configmaps \"a\" not found")
  }

  @Test("stores nothing in a dry run, and says what the API server refuses") func dryRun() async throws {
    let client = try client()
    let namespace = try await server.makeNamespace()
    _ = try await client.create(.configMap, configMap(namespace, "a"), dryRun: true)
    #expect(try await client.list(.configMap, namespace: namespace, name: "a").objects.isEmpty)
    let bad = await #expect(throws: KubernetesError.self) {
      _ = try await client.create(.configMap, configMap(namespace, "No Name"))
    }
    #expect(bad?.code == .invalid)
    #expect(bad?.message.contains("metadata.name: Invalid value: \"No Name\"") == true)
  }

  @Test("lists in pages of one version, and one object by its name") func pages() async throws {
    let client = try client()
    let namespace = try await server.makeNamespace()
    let names = (1...7).map { "a\($0)" }
    for name in names { _ = try await client.create(.secret, secret(namespace, name)) }
    var pages: [[String]] = []
    let version = try await client.list(.secret, namespace: namespace, pageSize: 3) {
      Issue.record("the list began again")
    } page: {
      pages.append($0.map(\.name))
      #expect($0.allSatisfy { $0.kind == "Secret" })
    }
    #expect(pages.map(\.count).dropLast().allSatisfy { $0 == 3 })
    #expect(pages.count >= 3)
    #expect(Set(pages.joined()).isSuperset(of: names))
    #expect(UInt64(version) != nil)
    #expect(try await client.list(.secret, namespace: namespace, name: "a5").objects.map(\.name) == ["a5"])
    #expect(UInt64(try await client.newestVersion(of: .secret))! >= UInt64(version)!)
  }

  private func secret(_ namespace: String, _ name: String) -> KubernetesObject {
    KubernetesObject(.secret, namespace: namespace, name: name)
  }

  // MARK: Watches

  private final class Events: Sendable {
    private let state = Mutex<(events: [WatchEvent], isOpen: Bool)>(([], false))
    /// What happened to objects, but for the one that the cluster itself puts into each new namespace, at a time of its own.
    var names: [String] {
      allNames.filter { !$0.hasSuffix("kube-root-ca.crt") }
    }
    private var allNames: [String] {
      state.withLock {
        $0.events.compactMap { event in
          switch event {
          case .added(let object): "+\(object.name)"
          case .modified(let object): "~\(object.name)"
          case .deleted(let object): "-\(object.name)"
          case .bookmark: nil
          }
        }
      }
    }
    var isOpen: Bool { state.withLock { $0.isOpen } }
    func take(_ events: [WatchEvent]) {
      state.withLock {
        if events.isEmpty { $0.isOpen = true }
        $0.events += events
      }
    }
  }

  @Test("watches: every change after the version, in order") func watch() async throws {
    let client = try client()
    let namespace = try await server.makeNamespace()
    let version = try await client.list(.configMap, namespace: namespace).resourceVersion
    var object = try await client.create(.configMap, configMap(namespace, "a"))
    let events = Events()
    let task = Task {
      try await client.watch(.configMap, namespace: namespace, from: version) { events.take($0) }
    }
    try await eventually("the watch's begin") { events.isOpen }
    object["data"] = ["text": "two"]
    _ = try await client.replace(.configMap, object)
    try await client.delete(.configMap, namespace: namespace, name: "a")
    try await eventually("three events") { events.names == ["+a", "~a", "-a"] }
    task.cancel()
    await #expect(throws: KubernetesError.self) { try await task.value }
  }

  @Test("returns when the API server ends the watch; while it is silent the checks go over its own connection")
  func silence() async throws {
    let relay = try await CuttableRelay.start(before: server.port)
    var settings = KubernetesClient.Settings()
    settings.silence = .milliseconds(100)
    settings.watchSeconds = 3...3
    let client = try client(port: relay.port, settings: settings)
    let namespace = try await server.makeNamespace()
    let version = try await client.newestVersion(of: .lease)
    try await client.watch(.lease, namespace: namespace, from: version) { _ in }
    // One connection for requests, one for watches.
    #expect(relay.connectionsTaken == 2)
    await relay.stop()
  }

  @Test("that tells nothing for longer than bookmarks take begins anew, also when its connection answers")
  func longSilence() async throws {
    var settings = KubernetesClient.Settings()
    settings.silence = .milliseconds(100)
    settings.longestSilence = .milliseconds(300)
    let client = try client(settings: settings)
    let namespace = try await server.makeNamespace()
    let version = try await client.newestVersion(of: .lease)
    let hasEnded = Mutex(false)
    let watch = Task {
      try await client.watch(.lease, namespace: namespace, from: version) { _ in }
      hasEnded.withLock { $0 = true }
    }
    defer { watch.cancel() }
    // The API server would end it after five minutes at the earliest.
    try await eventually("the watch's end") { hasEnded.withLock { $0 } }
  }

  @Test("from a version that is too old ends with the code for it") func tooOld() async throws {
    let server = try await KubernetesServer.start(controllers: false, flags: ["--watch-cache=false"])
    let client = KubernetesClient(
      access: try .kubeconfig(path: server.kubeconfig), userAgent: "test/1", logger: Logger(label: "test"))
    do {
      let version = try await client.newestVersion(of: .configMap)
      for name in ["a", "f", "g"] { _ = try await client.create(.configMap, configMap("default", name)) }
      try await server.compact()
      let error = await #expect(throws: KubernetesError.self) {
        try await client.watch(.configMap, from: version) { _ in }
      }
      #expect(error?.code == .expired)
      // Compacted between two pages, a list begins again.
      for name in ["b", "c", "d"] { _ = try await client.create(.configMap, configMap("default", name)) }
      var (pages, restarts) = (0, 0)
      _ = try await client.list(.configMap, namespace: "default", pageSize: 2) {
        restarts += 1
      } page: { _ in
        pages += 1
        guard pages == 1 else { return }
        await #expect(throws: Never.self) {
          _ = try await client.create(.configMap, configMap("default", "e"))
          try await server.compact()
        }
      }
      #expect(restarts == 1)
      #expect(pages > 2)
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  // MARK: Who asks

  @Test("is known by a token, a certificate, a service account and a program") func credentials() async throws {
    let folder = try TemporaryFolder()
    let namespace = try await server.makeNamespace()
    for context in ["admin", "certificate"] {
      let isAllowed = try await client(context).isAllowed("delete", .secret)
      #expect(isAllowed)
    }
    // A pod's service account, which may read config maps in its namespace and nothing else.
    try await server.succeed(["create", "serviceaccount", "reader", "-n", namespace])
    try await server.succeed(["create", "role", "reader", "--verb=list", "--resource=configmaps", "-n", namespace])
    try await server.succeed([
      "create", "rolebinding", "reader", "--role=reader", "--serviceaccount=\(namespace):reader", "-n", namespace,
    ])
    let token = try await server.succeed(["create", "token", "reader", "-n", namespace])
    _ = try folder.write("outdated", to: "token")
    _ = try folder.write(namespace, to: "namespace")
    _ = try folder.write(try String(contentsOfFile: server.authority, encoding: .utf8), to: "ca.crt")
    let access = try KubernetesAccess.inCluster(
      environment: ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "\(server.port)"],
      folder: folder.path)
    let pod = KubernetesClient(access: access, userAgent: "test/1", logger: Logger(label: "test"))
    let unknown = await #expect(throws: KubernetesError.self) {
      _ = try await pod.list(.configMap, namespace: namespace)
    }
    #expect(unknown?.code == .unauthorized)
    #expect(unknown?.message.contains("it may be wrong or have expired") == true)
    // The file is read again after a refusal.
    _ = try folder.write(token, to: "token")
    _ = try await pod.list(.configMap, namespace: namespace)
    #expect(try await pod.isAllowed("list", .configMap, namespace: namespace))
    #expect(try await !pod.isAllowed("delete", .configMap, namespace: namespace))
    let refused = await #expect(throws: KubernetesError.self) {
      try await pod.watch(.secret, namespace: namespace, from: "1") { _ in }
    }
    #expect(refused?.code == .forbidden)
    #expect(
      refused?.message.hasSuffix(
        "; give the service account \"\(namespace)/reader\" the verb \"watch\" on \"secrets\" in namespace "
          + "\"\(namespace)\"") == true)

    let plugin = try folder.write(
      """
      #!/bin/sh
      echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"admin"}}'
      """, to: "plugin", isExecutable: true)
    let kubeconfig = try String(contentsOfFile: server.kubeconfig, encoding: .utf8).replacing(
      "user: {token: admin}", with: "user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: \(plugin)}}")
    let exec = KubernetesClient(
      access: try .kubeconfig(path: try folder.write(kubeconfig, to: "config")), userAgent: "test/1",
      logger: Logger(label: "test"))
    #expect(try await exec.isAllowed("delete", .secret))
  }

  @Test("without rights is told the verb and the kind") func nobody() async throws {
    let client = try client("nobody")
    let error = await #expect(throws: KubernetesError.self) { _ = try await client.list(.lease) }
    #expect(error?.code == .forbidden)
    #expect(
      error?.message.hasSuffix("; give the user \"nobody\" the verb \"list\" on \"leases.coordination.k8s.io\"") == true
    )
  }

  @Test("of a kind that is not served is told so") func notServed() async throws {
    let kind = KubernetesKind(
      group: "kuma.io", version: "v1alpha1", kind: "Nothing", plural: "nothings", isNamespaced: false)
    let client = try client()
    let list = await #expect(throws: KubernetesError.self) { _ = try await client.list(kind) }
    #expect(list?.code == .kindNotServed)
    #expect(list?.message.contains("kumactl install crds") == true)
    let watch = await #expect(throws: KubernetesError.self) { try await client.watch(kind, from: "1") { _ in } }
    #expect(watch?.code == .kindNotServed)
    let get = await #expect(throws: KubernetesError.self) { _ = try await client.get(kind, name: "a") }
    #expect(get?.code == .kindNotServed)
  }
}
