import MeshModel
import MeshPolicy
import ProxyEvidence
import Testing
import TracingDiagnosis

/// Each cause is named where it is brought about, with what shows it.
@Suite struct CauseTests {
  @Test("each cause is named", arguments: Cause.allCases)
  func named(cause: Cause) throws {
    let (scene, time) = CauseScenes.scene(cause)
    let verdict = try scene.diagnosis(at: time).verdict
    #expect(verdict.cause == cause, "\(verdict)")
    #expect(!verdict.evidence.isEmpty)
    #expect(verdict.isFine == (cause == .fine))
    for text in [verdict.summary, verdict.remedy] + verdict.evidence.map(\.text) {
      #expect(text.first?.isLowercase == false && (text.hasSuffix(".") || text.hasSuffix("?")), "\(text)")
    }
  }

  @Test func namesAndNumbersOfCausesDiffer() {
    #expect(Set(Cause.allCases.map(\.name)).count == 35)
    #expect(Cause.allCases.map(\.number) == Array(0...34))
    #expect(Cause(name: "name-not-resolved") == .nameNotResolved)
    #expect(Cause(name: "nothing") == nil)
  }

  @Test func theNearestBackendIsNamed() throws {
    let (scene, time) = CauseScenes.scene(.backendUnknown)
    #expect(try scene.diagnosis(at: time).verdict.summary.contains("did you mean \"jaeger\"?"))
  }

  @Test func remediesFitWhatWasSeen() throws {
    var (scene, time) = CauseScenes.scene(.configurationRejected)
    #expect(try scene.diagnosis(at: time).verdict.remedy.hasPrefix("Free the port and restart kuma-dp"))
    (scene, time) = CauseScenes.scene(.clockOff)
    let there = Timestamp(seconds: Scene.time(time).seconds - 7_200).description
    #expect(try scene.diagnosis(at: time).verdict.remedy.contains("search around \(there) for what happened at"))
    scene = CauseScenes.working
    scene.change = { $0.brokenTraces = "web does not forward the headers to api in 12 of 20 calls" }
    let broken = try scene.diagnosis(at: 7).verdict
    #expect(broken.summary == "web does not forward the headers to api in 12 of 20 calls.")
    #expect(!broken.evidence.contains { $0.text.contains("12 of 20") })
    scene = Scene()
    let waiting = try scene.diagnosis(at: 7).verdict
    #expect(waiting.cause == .noneExpected && waiting.remedy == "Send a request.")
  }

  /// A collector that is slow too refuses what gets through.
  @Test("what a collector refuses is named before its slowness", arguments: [404, 413, 401])
  func refusalsOfASlowCollector(status: Int) throws {
    var scene = Scene()
    scene.counts(
      Scene.statistics(requests: 40) + Scene.reports(dropped: 6, spans: 40, collector: status)
        + "cluster.tracing_jaeger.upstream_rq_timeout: 2\ncluster.tracing_jaeger.upstream_rq_504: 2\n", at: 4)
    let verdict = try scene.diagnosis(at: 5).verdict
    #expect(verdict.summary.contains("\(status)") && verdict.cause != .collectorSlow, "\(verdict)")
  }

  @Test func aClockThatIsOffIsNamedAlsoWhereReportsAreLostNowAndThen() throws {
    var scene = CauseScenes.working
    for (seconds, sent, dropped) in [(10.0, 9, 1), (14, 12, 2), (18, 15, 3), (22, 18, 4)] {
      scene.counts(
        Scene.statistics(requests: sent * 5)
          + Scene.reports(sent: sent, dropped: dropped, spans: sent * 5, collector: 202)
          + "cluster.tracing_jaeger.upstream_rq_timeout: \(dropped)\n", at: seconds)
      scene.stores(inbound: sent * 5, at: seconds)
    }
    #expect(try scene.diagnosis(at: 23).verdict.cause == .collectorSlow)
    scene.received?.clockOffset = 7_200
    let verdict = try scene.diagnosis(at: 23).verdict
    #expect(verdict.cause == .clockOff && verdict.evidence.contains { $0.text.contains("were lost") }, "\(verdict)")
  }

  @Test func theStatusThatAnswersIsNamed() throws {
    for status in [200, 301, 400, 401, 500, 503] {
      var scene = Scene()
      scene.counts(Scene.statistics(requests: 7) + Scene.reports(dropped: 2, spans: 7, collector: status), at: 4)
      let verdict = try scene.diagnosis(at: 5).verdict
      #expect(verdict.cause == .answersOtherThanAccepted)
      #expect(verdict.summary.contains("answers reports with \(status)"), "\(verdict.summary)")
    }
  }

  @Test("the name of a collector that is changed in a running Envoy, which keeps the number of addresses of the former")
  func changedName() throws {
    var scene = CauseScenes.working
    scene.counts(
      """
      tracing.zipkin.reports_dropped: 3
      cluster.tracing_jaeger.upstream_cx_none_healthy: 3
      cluster.tracing_jaeger.upstream_rq_503: 3

      """, at: 12)
    let verdict = try scene.diagnosis(at: 12.5).verdict
    #expect(verdict.cause == .nameNotResolved, "\(verdict)")
    #expect(verdict.evidence.contains { $0.text.contains("3 without an address to send to") }, "\(verdict)")
  }

  @Test("a stream that was open before anything was told of its Envoy")
  func earlierStream() throws {
    var scene = Scene()
    var history = EvidenceHistory(source: .kumaDp, at: Scene.time(2))
    history.record(
      EvidenceStatistics.values(in: Scene.statistics(requests: 1, decided: 0, active: 1)), isWhole: true, epoch: "a",
      at: Scene.time(2))
    scene.history = history
    #expect(try scene.diagnosis(at: 9).verdict.cause == .noneExpected, "that it has ended may not have been told yet")
    #expect(try scene.diagnosis(at: 11).verdict.cause == .streamOpen)
  }

  @Test func oneRequestWhoseSpanIsUnderWayIsNotForbidden() throws {
    for (requests, isForbidden) in [(1, false), (2, false), (3, true)] {
      var scene = Scene()
      scene.counts(Scene.statistics(requests: requests), at: 2)
      scene.counts(Scene.statistics(requests: requests + 1) + "tracing.zipkin.timer_flushed: 2\n", at: 9)
      #expect(try (scene.diagnosis(at: 10).verdict.cause == .callersForbid) == isForbidden, "\(requests)")
    }
  }

  @Test func whatWaitsForConnectionsThatAreRefusedIsNoOverflow() throws {
    var scene = Scene()
    scene.counts(
      """
      \(Scene.statistics(requests: 70))tracing.zipkin.spans_sent: 70
      tracing.zipkin.reports_dropped: 14
      cluster.tracing_jaeger.membership_total: 1
      cluster.tracing_jaeger.upstream_cx_total: 30
      cluster.tracing_jaeger.upstream_cx_connect_fail: 30
      cluster.tracing_jaeger.upstream_rq_retry: 29
      cluster.tracing_jaeger.upstream_rq_pending_overflow: 4
      cluster.tracing_jaeger.upstream_rq_503: 14

      """, at: 4)
    #expect(try scene.diagnosis(at: 5).verdict.cause == .connectionRefused)
  }

  @Test func aSmallSamplingSaysHowManyRequestsASpanTakes() throws {
    var scene = Scene()
    scene.sampling = 0.5
    scene.counts(Scene.statistics(requests: 60, decided: 0, notTraceable: 60), at: 4)
    let verdict = try scene.diagnosis(at: 5).verdict
    #expect(verdict.cause == .noneExpected && verdict.level == .waiting)
    #expect(
      verdict.summary.contains("None of 60 requests was chosen yet. At 0.5 % one span is expected in 200 requests."))
  }

  @Test func whatIsNotKnownIsUnknownAndNeverFine() throws {
    var scene = CauseScenes.working
    scene.history = nil
    scene.change = { $0.evidenceObstacle = "the proxy's kuma-dp sends none" }
    let diagnosis = try scene.diagnosis(at: 30)
    #expect(diagnosis.verdict.cause == .unknown && diagnosis.verdict.level == .unknown)
    #expect(diagnosis.verdict.evidence.contains { $0.text.contains("the proxy's kuma-dp sends none") })
    #expect(diagnosis.receipts.first?.text(at: Scene.time(30)) == "receipt: unknown: the proxy's kuma-dp sends none")
  }

  @Test func oldEvidenceIsNotThatOfNow() throws {
    #expect(try CauseScenes.working.diagnosis(at: 30).verdict.isFine)
    #expect(try CauseScenes.working.diagnosis(at: 400).verdict.cause == .unknown)
  }

  @Test func aCollectorThatHangsUpIsNoCauseOfTheTable() throws {
    var scene = Scene()
    scene.counts(
      Scene.statistics(requests: 7) + "tracing.zipkin.spans_sent: 7\ntracing.zipkin.reports_dropped: 2\n"
        + "cluster.tracing_jaeger.membership_total: 1\ncluster.tracing_jaeger.upstream_cx_total: 2\n"
        + "cluster.tracing_jaeger.upstream_rq_total: 2\ncluster.tracing_jaeger.upstream_rq_rx_reset: 2\n"
        + "cluster.tracing_jaeger.upstream_rq_503: 2\n", at: 4)
    let verdict = try scene.diagnosis(at: 5).verdict
    #expect(verdict.cause == .unknown)
    #expect(verdict.summary.contains("ends connections without an answer"))
  }

  @Test func reportsThatAreTriedAgainAreNamedBeforeTheyAreLost() throws {
    var scene = Scene()
    scene.change = { $0.collectorStatistics = "tracing-auto_jaeger" }
    scene.counts(
      Scene.statistics(requests: 7) + "tracing.zipkin.spans_sent: 7\n"
        + "cluster.tracing-auto_jaeger.membership_total: 1\ncluster.tracing-auto_jaeger.upstream_cx_total: 40\n"
        + "cluster.tracing-auto_jaeger.upstream_cx_connect_fail: 40\ncluster.tracing-auto_jaeger.upstream_rq_retry: 38\n",
      at: 4)
    #expect(try scene.diagnosis(at: 5).verdict.cause == .connectionRefused)
  }

  @Test func aFaultOfTheConnectionDoesNotHideThatSpansArrive() throws {
    var scene = CauseScenes.working
    scene.works(90, at: 19)
    scene.change = { $0.outstanding = .init(since: Scene.time(10), discovery: .lds) }
    let verdict = try scene.diagnosis(at: 20).verdict
    #expect(verdict.isFine)
    #expect(verdict.evidence.contains { $0.source == .proxy && $0.text.contains("has not acknowledged") })
    // The spans that came before say nothing.
    scene.change = { $0.outstanding = .init(since: Scene.time(16), discovery: .lds) }
    #expect(try scene.diagnosis(at: 23).verdict.cause == .acknowledgementOutstanding)
  }

  @Test func aRejectedConfigurationIsNamedAlsoWhileSpansArrive() throws {
    var scene = CauseScenes.working
    scene.rejection = (2, "no")
    #expect(try scene.diagnosis(at: 7).verdict.cause == .configurationRejected)
  }

  @Test func whatAnotherControlPlaneKnowsIsUnknownButForARejectionWhichAllKnow() throws {
    var scene = CauseScenes.scene(.configurationRejected).scene
    scene.change = { $0.servedBy = "cp-2" }
    #expect(try scene.diagnosis(at: 20).verdict.cause == .configurationRejected)
    scene.rejection = nil
    let verdict = try scene.diagnosis(at: 20).verdict
    #expect(verdict.cause == .connectedElsewhere && verdict.level == .unknown)
    #expect(verdict.remedy == "Ask the control plane \"cp-2\".")
  }

  @Test func aProgramThatWritesTimesInTheWrongUnitIsNamed() throws {
    var scene = CauseScenes.working
    scene.change = { $0.programs = [.init(name: "web/1", service: "web", wrongUnit: "milliseconds")] }
    let verdict = try scene.diagnosis(at: 7).verdict
    #expect(verdict.cause == .wrongUnit && verdict.summary.contains("\"web/1\""))
  }

  @Test func aTracerThatDoesNotReportIsNoCauseOfTheTable() throws {
    var scene = Scene()
    scene.counts(Scene.statistics(requests: 8), at: 2)
    scene.counts(Scene.statistics(requests: 40), at: 9)
    #expect(try scene.diagnosis(at: 10).verdict.summary.contains("its tracer reports nothing now"))
    // Reports leave only when they are full, and its timer has stopped.
    scene.works(100, at: 20)
    scene.counts("tracing.zipkin.timer_flushed: 4\n" + Scene.statistics(requests: 110), at: 26)
    scene.counts(Scene.statistics(requests: 315) + Scene.reports(sent: 24, spans: 116, collector: 202), at: 34)
    scene.counts(Scene.statistics(requests: 515) + Scene.reports(sent: 24, spans: 116, collector: 202), at: 46)
    scene.stores(inbound: 116, at: 34)
    let verdict = try scene.diagnosis(at: 47).verdict
    #expect(verdict.cause == .unknown, "\(verdict)")
  }

  @Test func whatARuntimeOverridesIsNotTheRequestsFault() throws {
    var scene = Scene()
    scene.counts(Scene.statistics(requests: 60, decided: 0, notTraceable: 60), at: 4)
    #expect(try scene.diagnosis(at: 5).verdict.cause == .unknown)
  }

  @Test func spansThatGoElsewhereAreJudgedByEnvoysCounts() throws {
    var scene = CauseScenes.working
    scene.received = nil
    scene.change = { $0.receiver = .other("collector.example:9411") }
    let diagnosis = try scene.diagnosis(at: 7)
    #expect(diagnosis.verdict.isFine)
    #expect(diagnosis.verdict.summary == "The collector at collector.example:9411 has accepted 6 reports of the proxy.")
    #expect(diagnosis.receipts.first?.text(at: Scene.time(7)) == "receipt: unknown: spans go to another collector")
  }

  @Test("Datadog's tracer counts reports and no spans, and only 200 is an answer", arguments: [200, 202])
  func datadog(status: Int) throws {
    var scene = Scene()
    scene.received = nil
    scene.change = { input in
      input.receiver = .other("agent.example:8126")
      input.explanation.resolution = .found(
        TracingBackend(name: "jaeger", datadog: DatadogConf(address: "agent.example", port: 8126)))
    }
    let result = status == 200 ? "sent" : "dropped"
    for (seconds, reports) in [(2.0, 1), (9, 4)] {
      scene.counts(
        Scene.statistics(requests: reports * 7) + "tracing.datadog.reports_\(result): \(reports)\n"
          + "cluster.tracing_jaeger.membership_total: 1\ncluster.tracing_jaeger.upstream_cx_total: 1\n"
          + "cluster.tracing_jaeger.upstream_rq_total: \(reports)\ncluster.tracing_jaeger.upstream_rq_\(status): \(reports)\n",
        at: seconds)
    }
    let verdict = try scene.diagnosis(at: 10).verdict
    #expect(verdict.cause == (status == 200 ? .fine : .answersOtherThanAccepted), "\(verdict)")
  }

  /// The newest requests decide, whatever the minute before was.
  @Test func callersThatBeginToForbidAreNamedSoonAndForgottenSoon() throws {
    var scene = Scene()
    var spans = 0
    var named: [Int] = []
    for second in stride(from: 8, through: 160, by: 8) {
      if !(65...96).contains(second) { spans = second <= 64 ? second * 3 : spans + 24 }
      scene.counts(
        Scene.statistics(requests: second * 3) + Scene.reports(sent: spans / 5, spans: spans, collector: 202)
          + "tracing.zipkin.timer_flushed: \(second / 5)\n", at: Double(second))
      scene.stores(inbound: spans, at: min(Double(second), second > 64 && second <= 96 ? 64 : .infinity))
      if try scene.diagnosis(at: Double(second) + 1).verdict.cause == .callersForbid { named.append(second) }
    }
    #expect(named == [80, 88, 96])
  }

  @Test func callersWithLessSamplingAreNoFault() throws {
    var scene = CauseScenes.scene(.callersForbid).scene
    scene.change = { $0.calls = [.init(caller: "front", service: "web", requests: 40, counted: 40, sampling: 1)] }
    #expect(try scene.diagnosis(at: 10).verdict.level == .waiting)
  }

  @Test func whatIsMendedIsFineAtTheNextReport() throws {
    var scene = CauseScenes.scene(.connectionRefused).scene
    #expect(try scene.diagnosis(at: 5).verdict.cause == .connectionRefused)
    scene.counts(
      Scene.statistics(requests: 12) + "tracing.zipkin.spans_sent: 12\ntracing.zipkin.reports_sent: 1\n"
        + "cluster.tracing_jaeger.upstream_rq_202: 1\ncluster.tracing_jaeger.upstream_rq_total: 1\n", at: 9)
    scene.stores(inbound: 5, at: 8.9)
    #expect(try scene.diagnosis(at: 10).verdict.isFine)
  }
}
