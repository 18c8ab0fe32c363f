import Glibc
import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Testing

/// What the program says about tracing: why a proxy is traced, and what a change would do.
@Suite("Tracing commands")
struct TracingCommandTests {
  /// The time now, some hours ago, to which half an hour is added so that ages in hours do not depend on the seconds.
  static func hoursAgo(_ hours: Int64) -> Timestamp {
    Timestamp(seconds: Int64(time(nil)) - hours * 3600 - 1800)
  }

  /// A mesh with proxies of `web` and `api`, one of which says no protocol, written two hours ago.
  static func store() async throws -> MemoryStore {
    let created = hoursAgo(2)
    let store = MemoryStore { created }
    try await store.put(.mesh(backends: ["jaeger", "zipkin"]))
    try await store.put(.dataplane("web-1"))
    try await store.put(.dataplane("api-1", service: "api", address: "10.0.0.2"))
    var untagged = Resource.dataplane("api-2", service: "api", address: "10.0.0.3")
    if case .dataplane(var content) = untagged.spec {
      content.networking?.inbound[0].tags[TagName.protocol] = nil
      content.networking?.outbound = []
      untagged.spec = .dataplane(content)
    }
    try await store.put(untagged)
    return store
  }

  static func policy(_ name: String, service: String = "*", backend: String = "jaeger") -> String {
    Self.yaml(.trafficTrace(name, match: [TagName.service: service], backend: backend))
  }

  static func yaml(_ resource: Resource) -> String { resource.document().yaml() }

  @Test("show why a proxy is traced, and that its Envoy does not do it")
  func report() async throws {
    let store = try await Self.store()
    try await store.put(.trafficTrace("all", backend: "zipkin"))
    try await store.put(.trafficTrace("web", match: [TagName.service: "web"]))
    let refused = Self.hoursAgo(3)
    try await store.put(
      Resource(
        mesh: "default", name: "web-1",
        spec: .dataplaneInsight(
          DataplaneInsight(subscriptions: [
            DataplaneInsight.Subscription(
              id: "1", controlPlaneInstanceId: "cp", connectTime: Self.hoursAgo(5),
              status: DataplaneInsight.Status(
                lastAcknowledgementTime: Self.hoursAgo(4),
                lastRejection: DataplaneInsight.Rejection(
                  discovery: .lds, time: refused, message: "cannot bind '10.0.0.1:80'")))
          ]))))
    try await CommandTests().withControlPlane(store: store) { kumactl, _, _ in
      let shown = try await kumactl("inspect", "dataplane", "web-1", "--type=tracing")
      #expect(shown.status == 0 && shown.errors == "")
      #expect(
        shown.output.hasPrefix(
          """
          Traced by TrafficTrace "web": 1 of 2 listeners send spans to the tracing backend "jaeger". The running Envoy does \
          not have this configuration: it refused its last listeners (LDS) at \(refused) and keeps earlier ones: cannot \
          bind '10.0.0.1:80'

          Policies that match, the first one applies:

          APPLIES   POLICY   EXACT TAGS   WILDCARD TAGS   AGE
          *         web      1            0               2h
                    all      0            1               2h

          Backend:

          NAME     STATUS   TYPE     SAMPLING
          jaeger   found    zipkin   100%

          Listeners:

          DIRECTION   ADDRESS           SERVICE   PROTOCOL    TRACED   REASON
          inbound     10.0.0.1:80       web       http        yes
          outbound    127.0.0.1:10001   api       <unknown>   no       1 of 2 endpoints has no tag kuma.io/protocol; set \
          the tag kuma.io/protocol to http in the Dataplane "api-2"

          Connection:

          STATUS   CONNECTED AGO   DISCONNECTED AGO   LAST ACCEPTED AGO
          online   5h              -                  4h

          LDS refused 3h ago: cannot bind '10.0.0.1:80'

          """), "\(shown.output)")
      #expect(shown.output.contains("\nVerdict: configuration-rejected (cause 11 of docs/no-trace.md)"))
      let json = try await kumactl("inspect", "dataplane", "web-1", "--type=tracing", "-o", "json").output
      let yaml = try await kumactl("inspect", "dataplane", "web-1", "--type=tracing", "-o", "yaml").output
      let document = try DocumentValue(json: json.utf8)
      #expect(document["winner"] == "web")
      #expect(document["connection"]?["status"] == "online")
      #expect(try DocumentValue.yamlDocuments(yaml) == [document])
    }
  }

  @Test("show a proxy that no policy matches and that never connected")
  func unmatched() async throws {
    try await CommandTests().withControlPlane(store: Self.store()) { kumactl, _, _ in
      let shown = try await kumactl("inspect", "dataplane", "api-2", "--type=tracing").output
      #expect(
        shown.hasPrefix(
          """
          Not traced: no TrafficTrace of the mesh matches this proxy. The proxy has never connected to the control plane, so \
          no Envoy has this configuration yet.

          Listeners:

          DIRECTION   ADDRESS       SERVICE   PROTOCOL    TRACED   REASON
          inbound     10.0.0.3:80   api       <unknown>   no       the inbound has no tag kuma.io/protocol and is handled as \
          TCP; set the tag kuma.io/protocol of the inbound to http, http2 or grpc

          Connection:

          STATUS            CONNECTED AGO   DISCONNECTED AGO   LAST ACCEPTED AGO
          never connected   never           -                  never

          """), "\(shown)")
      #expect(shown.contains("\nVerdict: no-policy (cause 1 of docs/no-trace.md)\n"))
      #expect(shown.contains("\nWhat to do: "))
      let none = try await kumactl("inspect", "dataplane", "nobody", "--type=tracing")
      #expect(none.status == 1)
      #expect(none.errors == "Error: Could not retrieve a resource (Not found)\n")
    }
  }

  @Test("list who is traced and who is not, and end with status 1 if somebody looks for what is wrong")
  func fleet() async throws {
    let store = try await Self.store()
    try await store.put(.trafficTrace("web", match: [TagName.service: "web"]))
    try await CommandTests().withControlPlane(store: store) { kumactl, _, requests in
      let listed = try await kumactl("inspect", "dataplanes", "--type=tracing")
      #expect(listed.status == 0 && listed.errors == "")
      let lines = listed.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      #expect(lines.first?.hasPrefix("MESH      NAME    BACKEND   SAMPLING   LISTENERS") == true)
      #expect(lines[1].hasPrefix("default   api-1   -"), "\(lines)")
      #expect(lines[1].hasSuffix("no-policy"), "\(lines)")
      #expect(lines[3].hasPrefix("default   web-1   jaeger    100%       1/2"), "\(lines)")
      #expect(lines[3].hasSuffix("never-connected"), "\(lines)")
      #expect(lines.suffix(2) == ["3 proxies: 2 no-policy, 1 never-connected", ""])
      let tagged = try await kumactl(
        "inspect", "dataplanes", "--type=tracing", "--not-traced", "-o", "json", "--tag", "kuma.io/service=web")
      let document = try DocumentValue(json: tagged.output.utf8)
      #expect(document["items"]?.array?.compactMap { $0["name"]?.string } == ["web-1"])
      #expect(document["proxies"] == 3)
      let wide = try await kumactl("inspect", "dataplanes", "--type=tracing", "-owide").output
      #expect(wide.contains("WHY AND WHAT TO DO"))

      let doctor = try await kumactl("doctor")
      #expect(doctor.status == 1 && doctor.errors == "")
      #expect(
        doctor.output.hasPrefix(
          "Looked at: mesh \"default\"; 3 proxies: 2 no-policy, 1 never-connected; 1 TrafficTrace\n"))
      #expect(doctor.output.contains("\n2 proxies: api-1, api-2\n\nVerdict: no-policy (cause 1"))
      let way = try await kumactl("doctor", "--from", "api", "--to", "web")
      #expect(way.status == 1)
      #expect(way.output.contains("\nVerdict: no-outbound (cause 7"), "\(way.output)")
      let service = try await kumactl("doctor", "--service", "api", "-o", "json")
      #expect(service.status == 1)
      #expect(try DocumentValue(json: service.output.utf8)["verdict"]?["cause"] == "no-policy")
      #expect(requests().allSatisfy { $0.contains("_tracing") })

      let meshes = try await kumactl("inspect", "meshes", "--warnings").output
      #expect(meshes.contains("default   2 proxies"), "\(meshes)")
      let senders = try await kumactl("inspect", "senders")
      #expect(senders.status == 0 && senders.output.hasPrefix("SENDER   KIND"))
    }
  }

  @Test("show what is taken by redirection, and how much of it goes on without a span")
  func capture() async throws {
    let store = try await Self.store()
    var captured = Resource.dataplane("pod-1", service: "pod", address: "10.0.0.9")
    if case .dataplane(var content) = captured.spec {
      content.networking?.outbound = []
      content.networking?.transparentProxying = Dataplane.TransparentProxying(
        redirectPortInbound: 15_006, redirectPortOutbound: 15_001)
      captured.spec = .dataplane(content)
    }
    try await store.put(captured)
    let connected = DataplaneInsight(subscriptions: [
      DataplaneInsight.Subscription(id: "1", controlPlaneInstanceId: "cp", connectTime: Self.hoursAgo(1))
    ])
    try await store.put(Resource(mesh: "default", name: "pod-1", spec: .dataplaneInsight(connected)))
    try await CommandTests().withControlPlane(store: store) { kumactl, _, _ in
      let shown = try await kumactl("inspect", "dataplane", "pod-1", "--type=tracing").output
      #expect(
        shown.contains(
          """
          Traffic that reaches the proxy by redirection:

          OUTBOUND PORT   INBOUND PORT   FAMILIES     PASSED ON        TRACED
          15001           15006          IPv4, IPv6   12 connections   no

          Connections to addresses that are not listed as listeners go on as TCP, and their requests leave no span here.

          """), "\(shown)")
    }
  }

  @Test("name a policy that is not there, and the types of inspection, beside Kuma's answers")
  func slips() async throws {
    let store = try await Self.store()
    try await store.put(.trafficTrace("all-web", match: [TagName.service: "nobody"]))
    try await CommandTests().withControlPlane(store: store) { kumactl, _, requests in
      let absent = try await kumactl("inspect", "traffic-trace", "all-wbe")
      let empty = try await kumactl("inspect", "traffic-trace", "all-web")
      #expect(absent.status == 0 && absent.output == empty.output)
      #expect(
        absent.errors
          == "Warning: mesh \"default\" has no TrafficTrace \"all-wbe\"; did you mean \"all-web\"?\n")
      #expect(!empty.errors.contains("has no TrafficTrace"), "\(empty.errors)")
      let before = requests().count
      let slip = try await kumactl("inspect", "dataplane", "web-1", "--type=tracin")
      #expect(slip.status == 1)
      #expect(
        slip.errors == """
          Warning: --type=tracin is not one of policies, tracing, config-dump, stats, clusters; did you mean tracing?
          Error: invalid inspection type

          """)
      #expect(requests().count == before, "nobody is asked")
    }
  }

  @Test("print what a control plane says so that it acts on no terminal")
  func escaped() async throws {
    let responder = KumaResponder.refusing(with: #"{"title":"Could \u001b[31m not","detail":"one\ntwo \u009b2J"}"#)
    try await LoopbackServer.run(responder) { base in
      try await KumactlProcess.withHome { kumactl in
        _ = try await kumactl("config", "control-planes", "add", "--name", "x", "--address", base)
        let refused = try await kumactl("get", "meshes")
        #expect(refused.status == 1)
        #expect(refused.errors.contains(#"Could \u{1b}[31m not"#), "\(refused.errors)")
        #expect(!refused.errors.unicodeScalars.contains("\u{1b}") && !refused.errors.unicodeScalars.contains("\u{9b}"))
      }
    }
  }
}
