import MeshModel
import OrderedCollections
import Testing

@testable import KumactlCommands

/// What the program prints of verdicts, receipts and senders, from documents as a control plane answers.
@Suite("The verdict about a proxy's tracing")
struct TracingVerdictTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static let refused: DocumentValue = [
    "cause": "connection-refused", "number": 15, "level": "fault", "fine": false,
    "summary": "The collector at http://c:9411 refuses connections.",
    "evidence": [
      ["source": "decided", "text": "TrafficTrace \"all\" leads to the backend \"jaeger\"."],
      ["source": "Envoy", "text": "40 of 40 connections failed\nwithin a minute."],
    ],
    "remedy": "Start the collector.", "since": "2027-01-15T07:55:00Z", "trace": .null,
  ]

  private static let fine: DocumentValue = [
    "cause": "fine", "number": 34, "level": "fine", "fine": true, "summary": "Spans arrive.", "evidence": [],
    "remedy": "", "since": .null, "trace": "00000000000000ab", "traceAddress": "http://cp:9411/traces/00000000000000ab",
  ]

  private static func item(_ name: String, _ verdict: DocumentValue, receipt: DocumentValue = .null) -> DocumentValue {
    [
      "mesh": "default", "name": .string(name), "services": ["web"], "status": "online", "policy": "all",
      "backend": ["status": "found", "name": "jaeger", "type": "zipkin", "sampling": 50],
      "listeners": ["traced": 1, "total": 2], "receipt": receipt,
      "evidence": ["source": "kuma-dp", "ageMs": 4_200, "reason": .null], "verdict": verdict,
    ]
  }

  @Test("ends a report: the cause, what shows it, what to do")
  func report() {
    let explanation: DocumentValue = [
      "summary": "Traced.",
      "receipts": [
        [
          "direction": "inbound", "service": "web", "listener": "10.0.0.1:80", "state": "silent",
          "text": "receipt: 0 of ~4,000 for 5 minutes",
        ]
      ],
      "evidence": ["source": "kuma-dp", "ageMs": 61_000], "verdict": Self.refused,
    ]
    #expect(
      TracingReport(explanation, now: Self.now).text == #"""
        Traced.

        Receipts:

        DIRECTION   SERVICE   STATE    RECEIPT
        inbound     web       silent   0 of ~4,000 for 5 minutes

        Envoy's counters: from kuma-dp, 1m old

        Verdict: connection-refused (cause 15 of docs/no-trace.md), for 5m
        The collector at http://c:9411 refuses connections.

        Evidence:

        SOURCE    WHAT IT SAYS
        decided   TrafficTrace "all" leads to the backend "jaeger".
        Envoy     40 of 40 connections failed\nwithin a minute.

        What to do: Start the collector.

        """#)
  }

  @Test("says what is missing, and where the newest trace is")
  func fine() {
    let explanation: DocumentValue = [
      "summary": "Traced.", "receipts": [], "verdict": Self.fine,
      "evidence": ["source": .null, "ageMs": .null, "reason": "kuma-dp has not sent anything yet"],
    ]
    #expect(
      TracingReport(explanation, now: Self.now).text == """
        Traced.

        Envoy's counters: unknown; kuma-dp has not sent anything yet

        Verdict: fine (cause 34 of docs/no-trace.md)
        Spans arrive.

        Newest trace: http://cp:9411/traces/00000000000000ab

        """)
  }

  @Test("is one cell of a line in a list, and the longer list has the rest")
  func rows() {
    let receipt: DocumentValue = ["state": "matches", "text": "receipt: 4,120 of 4,118 expected"]
    let row = ProxyTracingRow(Self.item("web-1", Self.refused, receipt: receipt), now: Self.now)
    #expect(
      row.cells == ["default", "web-1", "jaeger", "50%", "1/2", "4,120 of 4,118 expected", "connection-refused"])
    #expect(row.cells.count == ProxyTracingRow.headers.count)
    #expect(row.wide.cells.count == ProxyTracingRow.Wide.headers.count)
    #expect(
      row.wide.cells.suffix(7) == [
        "web", "all", "online", "kuma-dp 4s", "5m", "connection-refused",
        "The collector at http://c:9411 refuses connections. Start the collector.",
      ])
    #expect(row.deleted.wide.cells.suffix(2) == ["deleted", ""])
  }

  @Test("is printed again only if more than counts and ages differ")
  func state() {
    func row(_ receipt: DocumentValue, _ verdict: DocumentValue, age: Int64 = 0) -> ProxyTracingRow {
      ProxyTracingRow(Self.item("web-1", verdict, receipt: receipt), now: Timestamp(seconds: 1_800_000_000 + age))
    }
    let before = row(["state": "matches", "text": "receipt: 1 of 1"], Self.fine)
    #expect(row(["state": "matches", "text": "receipt: 2 of 2"], Self.fine, age: 9).state == before.state)
    #expect(row(["state": "silent", "text": "receipt: 0 of 2"], Self.fine).state != before.state)
    // The time of the last span is in the summary.
    var later = Self.fine.object ?? [:]
    later["summary"] = "The last one at 12:00:01."
    #expect(row(["state": "idle", "text": "receipt: no requests"], .object(later), age: 1).state == before.state)
    #expect(row(["state": "matches", "text": "receipt: 1 of 1"], Self.refused).state != before.state)
  }

  @Test("takes any answer", arguments: [DocumentValue.null, 1, "x", [], [:], ["verdict": ["cause": 1]], ["items": 3]])
  func anything(_ document: DocumentValue) {
    let row = ProxyTracingRow(document, now: Self.now)
    #expect(row.cells.count == ProxyTracingRow.headers.count)
    #expect(row.wide.cells.count == ProxyTracingRow.Wide.headers.count)
    #expect(InspectSendersCommand.Row(document, now: Self.now).cells.count == InspectSendersCommand.Row.headers.count)
    #expect(!DoctorCommand.Findings(service: document).isFine)
    #expect(!DoctorCommand.Findings(mesh: [document], named: "m").isFine)
    _ = ReceiptRow(document).cells
  }

  @Test("of a mesh is told cause by cause, the most frequent first, each with one proxy's evidence")
  func doctor() {
    let items = (1...7).map { Self.item("web-\($0)", Self.refused) } + [Self.item("api-1", Self.fine)]
    let page: DocumentValue = [
      "total": 8, "proxies": 8, "causes": ["connection-refused": 7, "fine": 1], "items": .array(items),
      "policies": [["name": "all", "proxies": 8]], "next": .null,
    ]
    let findings = DoctorCommand.Findings(mesh: [page], named: "default")
    #expect(!findings.isFine)
    #expect(
      findings.text(now: Self.now).hasPrefix(
        """
        Looked at: mesh "default"; 8 proxies: 1 fine, 7 connection-refused; 1 TrafficTrace

        7 proxies: web-1, web-2, web-3, web-4, web-5 and 2 more

        Verdict: connection-refused (cause 15 of docs/no-trace.md), for 5m
        The collector at http://c:9411 refuses connections.

        """))
    let healthy = DoctorCommand.Findings(mesh: [["proxies": 1, "items": [Self.item("a", Self.fine)]]], named: "m")
    #expect(healthy.isFine && healthy.text(now: Self.now).hasSuffix("\nEverything is fine.\n"))
    let empty = DoctorCommand.Findings(mesh: [["proxies": 0, "items": []]], named: "m")
    #expect(!empty.isFine && empty.text(now: Self.now).contains("has no proxies"))
  }

  @Test("of proxies at other control planes is left to those, unless no other proxy is there")
  func elsewhere() {
    let unknown: DocumentValue = [
      "cause": "connected-elsewhere", "number": 10, "level": "unknown", "fine": false,
      "summary": "The proxy is connected to the control plane \"b-1\", which has its counts.", "remedy": "Ask it.",
    ]
    func item(_ name: String, at controlPlane: String, _ verdict: DocumentValue? = nil) -> DocumentValue {
      var item = Self.item(name, verdict ?? unknown).object ?? [:]
      item["controlPlane"] = .string(controlPlane)
      return .object(item)
    }
    func mesh(_ items: [DocumentValue]) -> DoctorCommand.Findings {
      DoctorCommand.Findings(
        mesh: [["total": .integer(Int64(items.count)), "items": .array(items), "policies": []]], named: "m")
    }
    let others = [item("web-2", at: "b-1"), item("web-3", at: "b-1"), item("web-4", at: "c-1")]
    let findings = mesh([Self.item("web-1", Self.fine)] + others)
    #expect(findings.isFine)
    #expect(
      findings.text(now: Self.now).hasSuffix(
        """

        2 proxies at the control plane "b-1": web-2, web-3
        Only that control plane has what their Envoys count.
        What to do: ask it too: `kumactl doctor` with its own address, not one that it shares with others.

        1 proxy at the control plane "c-1": web-4
        Only that control plane has what their Envoys count.
        What to do: ask it too: `kumactl doctor` with its own address, not one that it shares with others.

        Everything else is fine.

        """), "\(findings.text(now: Self.now))")
    // What is known to be wrong is wrong wherever a proxy is connected.
    #expect(!mesh([Self.item("web-1", Self.fine), item("web-2", at: "b-1", Self.refused)]).isFine)
    #expect(!mesh([Self.item("web-1", Self.refused)] + others).isFine)
    let none = mesh(others)
    #expect(!none.isFine && none.text(now: Self.now).contains("\nNo proxy is connected to the control plane that was"))

    func service(_ verdict: DocumentValue, _ items: [DocumentValue]) -> DoctorCommand.Findings {
      DoctorCommand.Findings(service: ["looked": [], "fine": false, "verdict": verdict, "proxies": .array(items)])
    }
    let partly = service(unknown, [Self.item("web-1", Self.fine), others[0]])
    #expect(partly.isFine && partly.text(now: Self.now).hasSuffix("\nEverything else is fine.\n"))
    let all = service(unknown, others)
    #expect(!all.isFine && all.text(now: Self.now).contains("\nVerdict: connected-elsewhere (cause 10"))
    #expect(!service(Self.refused, [Self.item("web-1", Self.fine), others[0]]).isFine)
    #expect(!service(Self.fine, [Self.item("web-1", Self.fine)]).isFine)
  }

  @Test("is unknown, and never fine, where the answer has none")
  func missing() {
    let items: DocumentValue = [["name": "a"], ["name": "b", "verdict": .null], Self.item("c", Self.fine)]
    let findings = DoctorCommand.Findings(mesh: [["total": 3, "proxies": 3, "items": items]], named: "m")
    #expect(!findings.isFine)
    #expect(findings.text(now: Self.now).contains("2 proxies: a, b\n\nVerdict: unknown\n"))
    let few = DoctorCommand.Findings(mesh: [["total": 2, "items": [Self.item("a", Self.fine)]]], named: "m")
    #expect(!few.isFine && few.text(now: Self.now).contains("fewer proxies than the mesh has"))
    for other in [DoctorCommand.Findings(mesh: [[:]], named: "m"), DoctorCommand.Findings(service: [:])] {
      #expect(!other.isFine && other.text(now: Self.now).contains("is not one about tracing"))
    }
    #expect(
      !TracingReport.isReport([:]) && !TracingReport.isReport([]) && TracingReport.isReport(["summary": "Traced."]))
  }

  @Test("of the way between two services comes last, unless it is that of a proxy")
  func way() {
    let blocked: DocumentValue = [
      "cause": "no-outbound", "number": 7, "fine": false, "summary": "The proxies of web have no outbound for api.",
      "remedy": "Add it.",
    ]
    func findings(_ verdict: DocumentValue, proxy: DocumentValue) -> DoctorCommand.Findings {
      DoctorCommand.Findings(service: [
        "looked": ["2 proxies of api", "1 proxy of web"], "fine": false, "verdict": verdict,
        "proxies": [Self.item("api-1", proxy)],
      ])
    }
    #expect(
      findings(blocked, proxy: Self.fine).text(now: Self.now) == """
        Looked at: 2 proxies of api; 1 proxy of web

        Verdict: no-outbound (cause 7 of docs/no-trace.md)
        The proxies of web have no outbound for api.

        What to do: Add it.

        """)
    let same = findings(Self.refused, proxy: Self.refused).text(now: Self.now)
    #expect(same.ranges(of: "Verdict:").count == 1)
  }

  @Test("is asked for with options that fit together")
  func slips() async throws {
    try await KumactlProcess.withHome { kumactl in
      for (arguments, message) in [
        (["doctor", "--from", "web"], "--from alone is no way; give --from and --to, or --service"),
        (
          ["doctor", "--service", "a", "--to", "b"],
          "--service is one service, --from and --to are the way between two; give one or the other"
        ),
        (["inspect", "dataplanes", "--watch"], "--watch is for --type=tracing; add it"),
        (["inspect", "dataplanes", "-o", "wide"], "unknown output format \"wide\""),
        (
          ["inspect", "dataplanes", "--type", "tracin"],
          "--type=tracin is not one of overview, tracing; did you mean tracing?"
        ),
      ] {
        let refused = try await kumactl.run(arguments)
        #expect(refused == .init(status: 1, output: "", errors: "Error: \(message)\n"))
      }
    }
  }

  @Test("of a sender: what came, what was refused, how far its clock is off")
  func sender() {
    let sender: DocumentValue = [
      "id": "web-app at 10.0.0.7", "kind": "program", "services": ["web-app"], "formats": ["otlp-protobuf"],
      "spans": 1200, "rate": .number(3.26), "lastSeen": 1_799_999_990_000,
      "refused": [["reason": "broken id", "spans": 4, "requests": 1]], "clockOffset": -125_000,
    ]
    #expect(
      InspectSendersCommand.Row(sender, now: Self.now).cells == [
        "web-app at 10.0.0.7", "program", "web-app", "otlp-protobuf", "1200", "3.3", "10s", "4 broken id", "2m ahead",
      ])
  }
}
