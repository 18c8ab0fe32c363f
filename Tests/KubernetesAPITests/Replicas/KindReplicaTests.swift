import Documents
import KubernetesTestSupport
import Logging
import OrderedCollections
import Synchronization
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("A replica on a real API server", .onKubernetes, .heavy) struct KindReplicaTests {
  private let server: KubernetesServer

  init() async throws { server = try await .shared() }

  private func configMap(_ namespace: String, _ name: String, _ text: String = "one") -> KubernetesObject {
    var object = KubernetesObject(.configMap, namespace: namespace, name: name)
    object["data"] = ["text": .string(text)]
    return object
  }

  @Test("holds what is there in pages, what comes and what goes; own writes at once and once") func follows()
    async throws
  {
    let client = try server.client()
    let namespace = try await server.makeNamespace()
    for number in 10..<30 { _ = try await client.create(.configMap, configMap(namespace, "m\(number)")) }
    let running = RunningReplica(client, .configMap, namespace: namespace)
    let replica = running.replica
    try await eventually("the first list") { replica.isSynchronized }
    #expect(running.state.wholeStates == 1 && running.names.count { $0.hasPrefix("m") } == 20)
    #expect(replica.object(namespace: namespace, name: "m15")?["data"]?["text"] == "one")

    let own = try await client.create(.configMap, configMap(namespace, "own"))
    replica.note(stored: own)
    #expect(running.state.objects["own"] == own)
    // A write of others after it shows that the watch has told both.
    _ = try await client.create(.configMap, configMap(namespace, "after"))
    try await eventually("the watch") { running.names.contains("after") }
    #expect(running.state.tellings["\(own.uid)@\(own.resourceVersion)"] == 1)

    try await client.delete(.configMap, namespace: namespace, name: "own", uid: own.uid)
    replica.note(deleted: own)
    #expect(running.state.objects["own"] == nil && replica.object(namespace: namespace, name: "own") == nil)
    try await client.delete(.configMap, namespace: namespace, name: "m15")
    try await eventually("the deletion") { !running.names.contains("m15") }
    // What the watch has told is what a list says.
    try await running.catchesUp { try await client.list(.configMap, namespace: namespace).objects }
    await running.stop()
    #expect(running.state.troubles.isEmpty)
  }

  @Test("of one object by its name") func one() async throws {
    let client = try server.client()
    let namespace = try await server.makeNamespace()
    let running = RunningReplica(client, .configMap, namespace: namespace, name: "wanted")
    try await eventually("the first list") { running.replica.isSynchronized }
    #expect(running.names.isEmpty)
    _ = try await client.create(.configMap, configMap(namespace, "other"))
    _ = try await client.create(.configMap, configMap(namespace, "wanted"))
    try await eventually("the object") { running.names == ["wanted"] }
    await running.stop()
  }

  @Test("keeps of each object only what is asked for, whether it is listed, watched or written here") func pruned()
    async throws
  {
    let client = try server.client()
    let namespace = try await server.makeNamespace()
    for name in ["a", "b"] { _ = try await client.create(.configMap, configMap(namespace, name)) }
    let running = RunningReplica(client, .configMap, namespace: namespace) { object in
      var pruned = object
      pruned["data"] = nil
      pruned.metadata["managedFields"] = nil
      return pruned
    }
    try await eventually("the first list") { running.replica.isSynchronized }
    let own = try await client.create(.configMap, configMap(namespace, "own"))
    running.replica.note(stored: own)
    _ = try await client.create(.configMap, configMap(namespace, "watched"))
    try await eventually("the watch") { running.names.contains("watched") }
    for name in ["a", "b", "own", "watched"] {
      let kept = running.replica.object(namespace: namespace, name: name)
      #expect(kept?.uid.isEmpty == false && running.state.objects[name] == kept)
      #expect(kept?["data"] == nil && kept?.metadata["managedFields"] == nil)
    }
    try await client.delete(.configMap, namespace: namespace, name: "own", uid: own.uid)
    running.replica.note(deleted: own)
    #expect(running.state.objects["own"] == nil)
    await running.stop()
  }

  @Test("its connection is cut again and again while others write: nothing is lost, doubled or listed as a whole")
  func cuts() async throws {
    let relay = try await CuttableRelay.start(before: server.port)
    let writer = try server.client()
    let namespace = try await server.makeNamespace()
    let running = RunningReplica(try server.client(over: relay), .configMap, namespace: namespace)
    try await eventually("the first list") { running.replica.isSynchronized }
    var random = SeededGenerator(seed: 7)
    for round in 0..<60 {
      let name = "c\(Int.random(in: 0..<8, using: &random))"
      if Bool.random(using: &random) {
        // It may not be there.
        try? await writer.delete(.configMap, namespace: namespace, name: name)
      } else {
        _ = try await writer.patch(
          .configMap, namespace: namespace, name: name,
          .apply(.object(configMap(namespace, name, "\(round)").document), force: true), fieldManager: "test")
      }
      if round.isMultiple(of: 3) { relay.cut() }
    }
    try await eventually("the end of all trouble") { !running.state.isInTrouble }
    // While nothing is cut, the watch tells what is written; lists told most of the rest.
    _ = try await writer.create(.configMap, configMap(namespace, "last"))
    // Listed again each time: the cluster puts an object of its own into a new namespace, whenever it comes to that.
    try await running.catchesUp { try await writer.list(.configMap, namespace: namespace).objects }
    try await eventually("the end of all trouble") { !running.state.isInTrouble }
    let state = running.state
    #expect(state.wholeStates == 1)
    #expect(state.tellings.values.allSatisfy { $0 == 1 })
    await running.stop()
    await relay.stop()
  }

  @Test("ends with its test, and the relay before its server too") func released() async throws {
    weak var replica: KindReplica?
    let port: Int
    do {
      let relay = try await CuttableRelay.start(before: server.port)
      port = relay.port
      let running = RunningReplica(try server.client(over: relay), .configMap, namespace: "default")
      replica = running.replica
      try await eventually("the first list") { running.replica.isSynchronized }
      withExtendedLifetime((relay, running)) {}
    }
    try await eventually("the replica's end") { replica == nil }
    let access = try KubernetesAccess.kubeconfig(path: try server.kubeconfig(port: port))
    let client = KubernetesClient(access: access, userAgent: "test/1", logger: Logger(label: "test"))
    try await eventually("the relay's end") {
      do throws(KubernetesError) {
        _ = try await client.newestVersion(of: .configMap)
        return false
      } catch {
        return error.message.contains("connection refused")
      }
    }
  }

  @Test("of a custom resource: its definition comes, changes, goes and comes again") func definition() async throws {
    let client = try server.client()
    let kind = KubernetesKind(
      group: "replica.test", version: "v1", kind: "Widget", plural: "widgets", isNamespaced: false)
    func definition(_ description: String) -> KubernetesObject {
      var object = KubernetesObject(.customResourceDefinition, name: kind.qualifiedName)
      object["spec"] = [
        "group": .string(kind.group), "scope": "Cluster",
        "names": ["kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget"],
        "versions": [
          [
            "name": "v1", "served": true, "storage": true,
            "schema": [
              "openAPIV3Schema": [
                "type": "object", "description": .string(description), "x-kubernetes-preserve-unknown-fields": true,
              ]
            ],
          ]
        ],
      ]
      return object
    }
    let running = RunningReplica(client, kind)
    try await eventually("the trouble") { running.state.troubles == [.kindNotServed] }
    #expect(running.replica.trouble?.message.contains("widgets.replica.test") == true)

    _ = try await client.create(.customResourceDefinition, definition("first"))
    try await eventually("the kind") { running.replica.isSynchronized && running.replica.trouble == nil }
    try await eventually("an object") { try? await client.create(kind, KubernetesObject(kind, name: "a")) }
    try await eventually("the object here") { running.names == ["a"] }

    // Ends the watch. Nothing that was there is told again.
    _ = try await client.patch(
      .customResourceDefinition, name: kind.qualifiedName, .merge(["spec": definition("second")["spec"] ?? .null]),
      fieldManager: "test")
    try await eventually("an object") { try? await client.create(kind, KubernetesObject(kind, name: "b")) }
    try await eventually("the object here") { running.names == ["a", "b"] }
    #expect(running.state.tellings.values.allSatisfy { $0 == 1 } && running.state.wholeStates == 1)

    try await client.delete(.customResourceDefinition, name: kind.qualifiedName)
    try await eventually("the trouble") { running.replica.trouble?.code == .kindNotServed }
    #expect(running.names.isEmpty)
    _ = try await client.create(.customResourceDefinition, definition("third"))
    try await eventually("an object") { try? await client.create(kind, KubernetesObject(kind, name: "c")) }
    try await eventually("the object here") { running.names == ["c"] && running.replica.trouble == nil }
    await running.stop()
    try await client.delete(.customResourceDefinition, name: kind.qualifiedName)
  }

  @Test("without rights says which are missing, and keeps trying") func rights() async throws {
    let access = try KubernetesAccess.kubeconfig(path: server.kubeconfig, context: "nobody")
    let running = RunningReplica(
      KubernetesClient(access: access, userAgent: "test/1", logger: .init(label: "test")), .configMap,
      namespace: "default")
    try await eventually("the trouble") { running.state.troubles.contains(.forbidden) }
    let message = running.replica.trouble?.message ?? ""
    #expect(message.contains("\"list\"") && message.contains("configmaps"), "\(message)")
    #expect(!running.replica.isSynchronized)
    await running.stop()
  }

  @Test("the server forgets versions under a watch, is killed, and comes back: what was missed is told, and no more")
  func compaction() async throws {
    // Without its own memory of events, the API server can tell only what etcd still knows.
    let server = try await KubernetesServer.start(controllers: false, flags: ["--watch-cache=false"])
    do {
      let relay = try await CuttableRelay.start(before: server.port)
      let writer = try server.client()
      for name in ["stays", "changes", "goes"] { _ = try await writer.create(.configMap, configMap("default", name)) }
      let running = RunningReplica(try server.client(over: relay), .configMap, namespace: "default")
      try await eventually("the first list") { running.replica.isSynchronized && running.replica.trouble == nil }
      // Under a running watch.
      try await server.compact()
      _ = try await writer.replace(.configMap, configMap("default", "changes", "two").taking(from: running))
      try await eventually("the change") { running.state.objects["changes"]?["data"]?["text"] == "two" }

      // While the watch is cut.
      relay.behave(.refuses)
      relay.cut()
      _ = try await writer.create(.configMap, configMap("default", "comes"))
      try await writer.delete(.configMap, namespace: "default", name: "goes")
      try await server.compact()
      relay.behave(.passes)
      try await eventually("what was missed") {
        Set(running.names).isSuperset(of: ["changes", "comes", "stays"]) && !running.names.contains("goes")
      }

      try await server.restart()
      _ = try await eventually("a write") {
        try? await writer.create(.configMap, configMap("default", "late"))
      }
      try await eventually("the write here") { running.names.contains("late") && !running.state.isInTrouble }
      #expect(running.state.wholeStates == 1)
      #expect(running.state.tellings.values.allSatisfy { $0 == 1 })
      await running.stop()
      await relay.stop()
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }
}

extension KubernetesObject {
  /// The object with the version that a replica knows.
  fileprivate func taking(from running: RunningReplica) -> KubernetesObject {
    var object = self
    object.metadata["resourceVersion"] = running.state.objects[name]?.metadata["resourceVersion"]
    return object
  }
}
