import MeshModel
import MeshPolicy
import ProxyEvidence
import TracingDiagnosis

/// A scene for each cause, with the time at which it has to be named: in seconds after the proxy connected. Requests begin at 1.
///
/// Numbers are those that Envoy 1.40 has counted when the cause was brought about, one worker, five requests a second.
enum CauseScenes {
  static func scene(_ cause: Cause) -> (scene: Scene, time: Double) {
    switch cause {
    case .unknown: (missing, 11)
    case .noPolicy, .overshadowed, .backendUnknown, .noDefaultBackend, .noneExpected, .notHTTP, .noOutbound:
      (decided(cause), 5)
    case .proxyOffline, .neverConnected, .connectedElsewhere, .configurationRejected, .acknowledgementOutstanding:
      (connection(cause), 20)
    case .otherConfiguration, .nameNotResolved, .connectionRefused, .tlsFailed, .answersOtherThanAccepted,
      .pathNotFound, .bodyTooLarge, .reportsOverflow, .spansRefused:
      (reports(cause), 5)
    case .collectorSlow: (reports(cause), 9)
    case .clockOff, .wrongUnit, .otherServiceName, .removedByRetention, .envoyTooOld, .traceBroken:
      (received(cause), cause == .removedByRetention ? 71 : 8)
    case .pastTheProxy, .callersForbid, .requestIDUntraceable, .healthChecksOnly, .streamOpen: (traffic(cause), 10)
    case .fine: (working, 6)
    }
  }

  static var working: Scene {
    var scene = Scene()
    scene.works(10, at: 3)
    scene.works(25, at: 6)
    return scene
  }

  /// All reports are accepted, and none has come.
  private static var missing: Scene {
    var scene = Scene()
    scene.counts(Scene.statistics(requests: 10) + Scene.reports(sent: 2, spans: 10, collector: 202), at: 3)
    scene.counts(Scene.statistics(requests: 30) + Scene.reports(sent: 6, spans: 30, collector: 202), at: 7)
    return scene
  }

  private static func decided(_ cause: Cause) -> Scene {
    var scene = Scene()
    switch cause {
    case .noPolicy: scene.selector = [TagName.service: "other"]
    case .overshadowed:
      scene.change = { input in
        input.receiver = .other("collector.example:9411")
        input.alternatives = [
          .init(
            policy: "here", resolution: .found(TracingBackend(name: "own", type: "zipkin")), leadsToOwnCollector: true)
        ]
      }
    case .backendUnknown: scene.policyBackend = "jaegre"
    case .noDefaultBackend: (scene.policyBackend, scene.hasDefault) = ("", false)
    case .noneExpected: scene.sampling = 0
    case .notHTTP: scene.serviceProtocol = nil
    default: scene.hasListeners = false
    }
    return scene
  }

  private static func connection(_ cause: Cause) -> Scene {
    var scene = Scene()
    scene.history = nil
    switch cause {
    case .proxyOffline: (scene.status, scene.disconnected) = (.offline, 12)
    case .neverConnected: scene.status = .neverConnected
    case .connectedElsewhere: scene.claims = ["10.0.0.1:4000", "10.0.0.9:5000"]
    case .configurationRejected: scene.rejection = (2, "cannot bind '10.0.0.1:80': Address already in use")
    default: scene.change = { $0.outstanding = .init(since: Scene.time(10), discovery: .cds) }
    }
    return scene
  }

  private static func reports(_ cause: Cause) -> Scene {
    var scene = Scene()
    let lost = Scene.statistics(requests: 7) + "tracing.zipkin.spans_sent: 7\ntracing.zipkin.reports_dropped: 2\n"
    func cluster(_ lines: String, addresses: Int = 1) -> String {
      (lines + " membership_total=\(addresses)").split(separator: " ")
        .map { "cluster.tracing_jaeger.\($0.replacing("=", with: ": "))\n" }.joined()
    }
    switch cause {
    case .otherConfiguration: scene.counts(Scene.statistics(requests: 7, decided: 0), at: 4)
    case .nameNotResolved:
      scene.counts(lost + cluster("update_attempt=2 upstream_rq_503=2", addresses: 0), at: 4)
    case .connectionRefused:
      scene.counts(lost + cluster("upstream_cx_connect_fail=2 upstream_cx_total=2 upstream_rq_503=2"), at: 4)
    case .tlsFailed:
      scene.counts(
        lost + cluster("ssl.fail_verify_error=2 upstream_cx_connect_fail=2 upstream_cx_total=2 upstream_rq_503=2"),
        at: 4)
    case .answersOtherThanAccepted:
      scene.counts(Scene.statistics(requests: 7) + Scene.reports(dropped: 2, spans: 7, collector: 503), at: 4)
    case .pathNotFound:
      scene.counts(Scene.statistics(requests: 7) + Scene.reports(dropped: 2, spans: 7, collector: 404), at: 4)
    case .bodyTooLarge:
      scene.counts(Scene.statistics(requests: 7) + Scene.reports(dropped: 2, spans: 7, collector: 413), at: 4)
    case .reportsOverflow:
      scene.counts(lost + cluster("upstream_rq_pending_overflow=2 upstream_cx_total=1 upstream_rq_503=2"), at: 4)
    case .collectorSlow:
      scene.counts(
        lost
          + cluster(
            "upstream_rq_timeout=1 upstream_rq_total=1 upstream_cx_total=2 upstream_rq_504=1 upstream_cx_connect_fail=1 "
              + "upstream_cx_connect_timeout=1 upstream_rq_503=1"), at: 8)
    default:
      scene.counts(Scene.statistics(requests: 7) + Scene.reports(dropped: 2, spans: 7, collector: 401), at: 4)
      scene.received?.lastRefusal = .init(reason: "the token is not valid", time: Scene.time(3.9), status: 401)
    }
    return scene
  }

  private static func received(_ cause: Cause) -> Scene {
    var scene = working
    switch cause {
    case .clockOff: scene.received?.clockOffset = 7_200
    case .wrongUnit: scene.received?.wrongUnit = "milliseconds"
    case .otherServiceName: scene.received?.services = ["shop"]
    case .removedByRetention: scene.change = { $0.retention = .init(age: 60, oldest: Scene.time(30)) }
    case .envoyTooOld: scene.change = { $0.envoyRequirement = "The backend needs Envoy 1.39, and the proxy runs 1.37" }
    default: scene.change = { $0.brokenTraces = "\"web\" does not copy the tracing headers" }
    }
    return scene
  }

  private static func traffic(_ cause: Cause) -> Scene {
    var scene = Scene()
    switch cause {
    case .pastTheProxy:
      scene.change = { $0.calls = [.init(caller: "front", service: "web", requests: 60, counted: 0)] }
    case .callersForbid:
      scene.counts(Scene.statistics(requests: 8), at: 2)
      scene.counts(Scene.statistics(requests: 40) + "tracing.zipkin.timer_flushed: 2\n", at: 9)
    case .requestIDUntraceable:
      scene.sampling = 10
      scene.counts(Scene.statistics(requests: 200, decided: 0, notTraceable: 200), at: 9)
    case .healthChecksOnly: scene.counts("http.probe_listener.downstream_rq_total: 60\n", at: 9)
    default: scene.counts(Scene.statistics(requests: 2, decided: 0, active: 2), at: 2)
    }
    return scene
  }
}
