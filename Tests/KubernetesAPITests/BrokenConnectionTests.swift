import Foundation
import KubernetesTestSupport
import Logging
import Synchronization
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("The client on a network that fails", .onKubernetes, .heavy) struct BrokenConnectionTests {
  private let server: KubernetesServer
  private let folder: TemporaryFolder

  init() async throws {
    server = try await .shared()
    folder = try TemporaryFolder()
  }

  private func client(
    _ kubeconfig: String, _ settings: KubernetesClient.Settings = .init()
  ) throws -> KubernetesClient {
    KubernetesClient(
      access: try .kubeconfig(path: kubeconfig), userAgent: "test/1", settings: settings, logger: Logger(label: "test"))
  }

  /// A kubeconfig with other text in it.
  private func kubeconfig(_ text: String, with other: String) throws -> String {
    let whole = try String(contentsOfFile: server.kubeconfig, encoding: .utf8)
    #expect(whole.contains(text))
    return try folder.write(whole.replacing(text, with: other), to: "config")
  }

  private final class Counter: Sendable {
    let value = Mutex(0)
  }

  private func failure(of client: KubernetesClient) async -> KubernetesError? {
    await #expect(throws: KubernetesError.self) { _ = try await client.list(.configMap) }
  }

  @Test("that has gone silent: the watch ends, and the next request has a new connection") func silent() async throws {
    let relay = try await CuttableRelay.start(before: server.port)
    var settings = KubernetesClient.Settings()
    settings.silence = .milliseconds(200)
    settings.checkTime = .seconds(2)
    settings.requestTime = .seconds(2)
    settings.listTime = .seconds(2)
    let client = try client(try server.kubeconfig(port: relay.port), settings)
    let isOpen = Mutex(false)
    // Other tests may make these events, so it is a kind that nothing changes.
    let version = try await eventually("the list") { try? await client.newestVersion(of: .customResourceDefinition) }
    let namespace = try await server.makeNamespace()
    let watch = Task { () -> KubernetesError? in
      while true {
        do throws(KubernetesError) {
          try await client.watch(.lease, namespace: namespace, from: version) { _ in isOpen.withLock { $0 = true } }
        } catch {
          // On a loaded machine a check or a beginning may fail: the next watch is the one that counts.
          if isOpen.withLock({ $0 }) { return error }
        }
      }
    }
    try await eventually("the watch's begin") { isOpen.withLock { $0 } }
    relay.behave(.isSilent)
    let error = await watch.value
    #expect(error?.code == .unavailable)
    let request = await failure(of: client)
    #expect(request?.code == .unavailable)
    #expect(request?.message.contains("has not answered within 2.0 seconds") == true, "\(request?.message ?? "")")
    relay.behave(.passes)
    // The relay swallows what comes over the old connections no more, but their streams are broken: new ones are needed.
    let taken = relay.connectionsTaken
    try await eventually("an answer") { (try? await client.newestVersion(of: .configMap)) != nil }
    #expect(relay.connectionsTaken > taken)
    await relay.stop()
  }

  @Test("that cuts connections: the watch ends, and requests go on") func cut() async throws {
    let relay = try await CuttableRelay.start(before: server.port)
    let client = try client(try server.kubeconfig(port: relay.port))
    let version = try await client.newestVersion(of: .configMap)
    for _ in 1...5 {
      let isOpen = Mutex(false)
      let watch = Task { () -> KubernetesError? in
        do throws(KubernetesError) {
          try await client.watch(.lease, from: version) { _ in isOpen.withLock { $0 = true } }
          return nil
        } catch {
          return error
        }
      }
      try await eventually("the watch's begin") { isOpen.withLock { $0 } }
      relay.cut()
      #expect(await watch.value?.code == .unavailable)
      try await eventually("an answer") { (try? await client.newestVersion(of: .configMap)) != nil }
    }
    relay.behave(.refuses)
    relay.cut()
    let error = await failure(of: client)
    #expect(error?.code == .unavailable)
    await relay.stop()
  }

  @Test("that speaks HTTP/1.1 only: many watches do not keep requests waiting, and a silent one begins again")
  func plain() async throws {
    // kubectl proxy speaks HTTP/1.1 without TLS.
    let port = Mutex<Int?>(nil)
    let server = server
    let proxy = Task {
      try await server.kubectl(
        .newest, "proxy", "--port=0",
        note: { line in
          // Starting to serve on 127.0.0.1:41234
          guard line.contains("serve on") else { return }
          port.withLock { $0 = line.split(separator: ":").last.flatMap { Int($0) } }
        })
    }
    let found = try await eventually("the proxy") { port.withLock { $0 } }
    let kubeconfig = try folder.write(
      """
      current-context: a
      clusters: [{name: a, cluster: {server: "http://127.0.0.1:\(found)"}}]
      contexts: [{name: a, context: {cluster: a}}]
      """, to: "config")
    let client = try client(kubeconfig)
    let version = try await client.newestVersion(of: .configMap)
    let open = Counter()
    var watches: [Task<Void, any Error>] = []
    for _ in 1...20 {
      watches.append(
        Task {
          try await client.watch(.lease, from: version) { events in
            if events.isEmpty { open.value.withLock { $0 += 1 } }
          }
        })
    }
    try await eventually("twenty watches") { open.value.withLock { $0 == 20 } }
    for _ in 1...20 { _ = try await client.newestVersion(of: .configMap) }
    for watch in watches { watch.cancel() }
    for watch in watches { _ = await watch.result }

    var settings = KubernetesClient.Settings()
    settings.silence = .milliseconds(100)
    let namespace = try await server.makeNamespace()
    // A check says nothing about the watch's own connection, so a silent watch ends as if the API server had ended it.
    try await self.client(kubeconfig, settings).watch(.lease, namespace: namespace, from: version) { _ in }
    proxy.cancel()
    _ = await proxy.result
  }

  // MARK: Where there is no API server

  @Test("where nothing listens is an error at once") func refused() async throws {
    let port = try OccupiedPort()
    let error = await failure(of: try client(try server.kubeconfig(port: port.number)))
    #expect(error?.code == .unavailable)
    #expect(
      error?.message.hasPrefix(
        "cannot list \"configmaps\" at https://127.0.0.1:\(port.number): connection refused; check that the API server runs"
      )
        == true, "\(error?.message ?? "")")
  }

  @Test("where the name has no address says so") func noAddress() async throws {
    let config = try kubeconfig("127.0.0.1:\(server.port)", with: "no-such-host.invalid:\(server.port)")
    let error = await failure(of: try client(config))
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("no-such-host.invalid") == true, "\(error?.message ?? "")")
  }

  @Test("where the server does not speak TLS says so") func noTLS() async throws {
    let config = try kubeconfig("127.0.0.1:\(server.port)", with: "127.0.0.1:\(server.etcdPort)")
    let error = await failure(of: try client(config))
    #expect(
      error?.message.contains("closed during the TLS handshake; check the server of context \"admin\"") == true,
      "\(error?.message ?? "")")
  }

  // MARK: Certificates

  @Test("with the certificate authority of somebody else says so") func foreignAuthority() async throws {
    let foreign = "\(server.folder)/client-ca.crt"
    let error = await failure(of: try client(try kubeconfig(server.authority, with: foreign)))
    #expect(error?.code == .unavailable)
    #expect(
      error?.message.contains("certificate is not signed by the certificate authority of context \"admin\"") == true,
      "\(error?.message ?? "")")
  }

  @Test("is recognised by another name than its address, or not at all, where the kubeconfig says so")
  func otherName() async throws {
    let address = "server: \"https://127.0.0.1:\(server.port)\""
    let named = try kubeconfig(address, with: address + ", tls-server-name: kubernetes.default.svc")
    _ = try await client(named).list(.configMap)
    let blind = try kubeconfig(
      "certificate-authority: \"\(server.authority)\"", with: "insecure-skip-tls-verify: true")
    _ = try await client(blind).list(.configMap)
  }

  @Test("with an authority that is no certificate says where it stands") func noCertificate() async throws {
    let file = try folder.write("nothing", to: "ca.crt")
    let error = await failure(of: try client(try kubeconfig(server.authority, with: file)))
    #expect(error?.message.contains("holds no certificate in PEM form") == true, "\(error?.message ?? "")")
  }
}
