import CoreMetrics
import PrometheusMetrics
import Testing

@Suite("Prometheus' text")
struct PrometheusRegistryTests {
  @Test("has what was declared, in this order, with what was counted and what is read")
  func page() async {
    let registry = PrometheusRegistry()
    let stored = registry.counter("spans_total", "Spans, by what became of them.", [("result", "stored")])
    registry.read("streams", .gauge, "Streams that are open.") { 7 }
    let dropped = registry.counter("spans_total", "", [("result", "dropped")])
    registry.read("cpu_seconds_total", .counter, "Processor time.") { [.init(0.25)] }
    registry.read("bytes", .gauge, "Bytes.") { [.init(1, [("name", "a \"b\"\\\n")]), .init(2, [("name", "c")])] }
    stored.increment()
    stored.increment(by: 41)
    #expect(stored.value == 42 && dropped.value == 0)
    #expect(
      await registry.text() == #"""
        # HELP spans_total Spans, by what became of them.
        # TYPE spans_total counter
        spans_total{result="stored"} 42
        spans_total{result="dropped"} 0
        # HELP streams Streams that are open.
        # TYPE streams gauge
        streams 7
        # HELP cpu_seconds_total Processor time.
        # TYPE cpu_seconds_total counter
        cpu_seconds_total 0.25
        # HELP bytes Bytes.
        # TYPE bytes gauge
        bytes{name="a \"b\"\\\n"} 1
        bytes{name="c"} 2

        """#)
  }

  @Test("has exemplars and an end in OpenMetrics, and neither in Prometheus' own format") func openMetrics() {
    func page(_ format: PrometheusText.Format) -> String {
      var page = PrometheusText(format)
      page.add("spans_total", .counter, "Spans.", [.init(2)])
      var samples = PrometheusText.Sample.histogram(bounds: [0.5], counts: [1, 0], sum: 0.25)
      samples[0].exemplar = PrometheusText.Exemplar(0.25, at: 12.5, [("trace_id", "7\"")])
      page.add("seconds", .histogram, "", samples)
      page.end()
      return page.text
    }
    #expect(
      page(.openMetrics) == #"""
        # HELP spans Spans.
        # TYPE spans counter
        spans_total 2
        # TYPE seconds histogram
        seconds_bucket{le="0.5"} 1 # {trace_id="7\""} 0.25 12.5
        seconds_bucket{le="+Inf"} 1
        seconds_sum 0.25
        seconds_count 1
        # EOF

        """#)
    #expect(!page(.prometheus).contains("EOF") && !page(.prometheus).contains(" # "))
    #expect(page(.prometheus).hasPrefix("# HELP spans_total Spans.\n# TYPE spans_total counter\nspans_total 2\n"))
  }

  @Test("has histograms, each class with those below it")
  func histogram() async {
    let registry = PrometheusRegistry()
    registry.read("delay_seconds", .histogram, "Delays.") {
      PrometheusText.Sample.histogram(bounds: [0.5, 1, 2.5], counts: [2, 0, 1, 4], sum: 40.5)
    }
    #expect(
      await registry.text() == """
        # HELP delay_seconds Delays.
        # TYPE delay_seconds histogram
        delay_seconds_bucket{le="0.5"} 2
        delay_seconds_bucket{le="1.0"} 2
        delay_seconds_bucket{le="2.5"} 3
        delay_seconds_bucket{le="+Inf"} 7
        delay_seconds_sum 40.5
        delay_seconds_count 7

        """)
  }

  @Test("has the same text of a histogram, value by value or as a whole", arguments: [false, true])
  func wholeHistogram(hasLabels: Bool) {
    let labels = hasLabels ? [("name", "a \"b\"\\\n")] : []
    for format in [PrometheusText.Format.prometheus, .openMetrics] {
      let exemplar = PrometheusText.Exemplar(0.25, at: 12.5, [("trace_id", "7")])
      var samples = PrometheusText.Sample.histogram(bounds: [0.5, 1], counts: [2, 0, 4], sum: 40.5)
      for index in samples.indices { samples[index].labels = labels + samples[index].labels }
      samples[2].exemplar = exemplar
      var values = PrometheusText(format)
      values.add("delay_seconds", .histogram, "Delays.", samples)
      var whole = PrometheusText(format)
      whole.add("delay_seconds", .histogram, "Delays.", [])
      whole.addHistogram("delay_seconds", labels, bounds: ["0.5", "1.0"], counts: [2, 0, 4], sum: 40.5) { index in
        index == 2 ? exemplar : nil
      }
      #expect(whole.text == values.text)
    }
  }

  @Test("has every handle of swift-metrics")
  func handles() async {
    let registry = PrometheusRegistry()
    Counter(label: "http.requests", factory: registry).increment(by: 2)
    Counter(label: "http.requests", factory: registry).increment()
    Gauge(label: "depth", dimensions: [("queue", "a")], factory: registry).record(1.5)
    Meter(label: "level", factory: registry).set(3)
    FloatingPointCounter(label: "ratio", factory: registry).increment(by: 2.0)
    let timer = Timer(label: "latency_seconds", factory: registry)
    timer.recordMilliseconds(250)
    timer.recordMilliseconds(500)
    Recorder(label: "sizes", factory: registry).record(10)
    #expect(
      await registry.text() == """
        # TYPE http_requests counter
        http_requests 3
        # TYPE depth gauge
        depth{queue="a"} 1.5
        # TYPE level gauge
        level 3
        # TYPE ratio counter
        ratio 2
        # TYPE latency_seconds summary
        latency_seconds_sum 0.75
        latency_seconds_count 2
        # TYPE sizes summary
        sizes_sum 10
        sizes_count 1

        """)
  }

  @Test("shows a name as one kind, and nothing that was given up")
  func conflicts() async {
    let registry = PrometheusRegistry()
    let counter = Counter(label: "a", factory: registry)
    Gauge(label: "a", factory: registry).record(5)
    counter.increment()
    #expect(await registry.text() == "# TYPE a counter\na 1\n")
    counter.destroy()
    #expect(await registry.text() == "")
  }

  @Test("counts what many tasks count at once")
  func concurrency() async {
    let registry = PrometheusRegistry()
    await withDiscardingTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          let counter = Counter(label: "a", factory: registry)
          for _ in 0..<10_000 { counter.increment() }
        }
      }
    }
    #expect(await registry.text() == "# TYPE a counter\na 80000\n")
  }
}
