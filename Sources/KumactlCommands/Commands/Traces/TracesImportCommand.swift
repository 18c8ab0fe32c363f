import ArgumentParser
import Glibc
import MeshClient
import MeshModel
import SystemErrors
import TraceFormats

struct TracesImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Import the traces of a Zipkin or a Jaeger.",
    discussion: """
      Read traces through the query API of a Zipkin or a Jaeger, the oldest first, and send them to the collector. \
      Interrupted, the same command goes on where it was. What the source could not answer with is listed at the end, and \
      the status is 1 then. The collector keeps imported spans as long as those that arrive now \
      (collector.retention.maxAge, by default 7 days).

      Examples:
      # The last seven days of a Zipkin, to the collector at port 9411 of this machine
      kumactl traces import --from http://zipkin:9411 --lookback 7d

      # A Jaeger, to a collector that asks for a token
      kumactl traces import --from http://jaeger:16686 --to https://traces:9411 --to-token-file ingest.token \
      --ca-cert-file ca.crt
      """)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("address of the query API, such as http://zipkin:9411", valueName: "string"))
  var from: String

  @Option(parsing: .unconditional, help: ArgumentHelp("address of the collector", valueName: "string"))
  var to = "http://localhost:9411"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("how far back, such as 12h, 7d or 4w", valueName: "string"))
  var lookback = "7d"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("API of the source: zipkin or jaeger; found out when it is not given", valueName: "string"),
    completion: .list(["zipkin", "jaeger"]))
  var type: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "header of requests to the source, in the form name=value; may be given several times",
      valueName: PairsArgument.valueName))
  var fromHeader: [PairsArgument] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("file with the token that is shown to the collector", valueName: "string"), completion: .file())
  var toTokenFile: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "file with the CA certificates to trust, instead of the system's", valueName: "string"), completion: .file())
  var caCertFile: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "file that says how far the import has come; one in $HOME/.kumactl/imports when it is not given",
      valueName: "string"), completion: .file())
  var stateFile: String?

  @Flag(help: "begin anew, although an earlier import can go on")
  var restart = false

  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let format = try output.format
    guard let age = Self.age(lookback) else {
      throw CommandFailure("--lookback \(lookback.quoted) is not a length of time; write it as 90m, 12h, 7d or 4w")
    }
    var form: TraceListing.Form?
    if let type {
      guard let known = TraceListing.Form(rawValue: type) else {
        throw CommandFailure("--type \(type.quoted) is not known; give zipkin or jaeger")
      }
      form = known
    }
    let source = try client(from, "--from", headers: fromHeader.values.map { ($0.key, $0.value) })
    let collector = try client(to, "--to", headers: try tokenHeader())
    guard source.address != collector.address else {
      throw CommandFailure("--from and --to are the same; the collector has these traces already")
    }
    let file =
      stateFile
      ?? (global.noConfig ? nil : ImportState.standardPath(from: "\(source.address)", to: "\(collector.address)"))
    let state = try state(source, collector, age: age, in: file)
    do { try await CollectorInstance.requireOthers(source, collector) } catch { throw Self.plain(error) }
    let found: TraceSource
    do { found = try await TraceSource.find(source, form: form) } catch { throw Self.plain(error) }
    let progress = ImportProgress()
    var run = TraceImport(
      found, to: TraceTarget(collector, form: found.form, counts: state.counts), state: state
    ) { state in
      if let file { try state.write(to: file) }
      progress.show(state)
    }
    do {
      try await run.run()
    } catch {
      progress.end()
      let remains = run.state
      if file != nil, remains.periods.next != nil {
        Console.note(
          "\(remains.counts.traces) traces are imported, all that are older than "
            + "\(ImportState.Gap.time(remains.periods.position)); run the same command again to go on")
      }
      throw Self.plain(error)
    }
    progress.end()
    if let file { unlink(file) }
    try report(run.state, found, format)
  }

  /// An error without the advice about control planes, which these servers are not.
  private static func plain(_ error: any Error) -> any Error {
    (error as? ControlPlaneError).map { CommandFailure($0.title) } ?? error
  }

  private func state(
    _ source: ControlPlaneClient, _ collector: ControlPlaneClient, age: Int64, in file: String?
  ) throws -> ImportState {
    let end = Timestamp.now.nanosecondsSince1970 / 1_000_000
    let fresh = ImportState(
      from: "\(source.address)", to: "\(collector.address)", start: max(0, end - age), end: end)
    // Also read when it is not used: what is no state is not replaced.
    guard let file, let earlier = try ImportState.read(file), !restart else { return fresh }
    guard earlier.from == fresh.from, earlier.to == fresh.to else {
      throw CommandFailure(
        "\(file.quoted) is of an import from \(earlier.from) to \(earlier.to); give another file with --state-file, or "
          + "--restart")
    }
    Console.note(
      "going on at \(ImportState.Gap.time(earlier.periods.position)) of an import that ends at "
        + "\(ImportState.Gap.time(earlier.periods.end)); --restart begins anew")
    return earlier
  }

  private func report(_ state: ImportState, _ source: TraceSource, _ format: OutputFormat) throws {
    let counts = state.counts
    if format == .table {
      Console.write(
        "imported \(counts.traces) traces with \(counts.stored) spans from \(source.form == .zipkin ? "Zipkin" : "Jaeger") at "
          + "\(state.from), \(ImportState.Gap.time(state.start)) to \(ImportState.Gap.time(state.periods.end))\n")
    } else {
      let document: DocumentValue = [
        "from": .string(state.from), "to": .string(state.to), "type": .string(source.form.rawValue),
        "start": .string(ImportState.Gap.time(state.start)), "end": .string(ImportState.Gap.time(state.periods.end)),
        "traces": .integer(Int64(counts.traces)), "spans": .integer(Int64(counts.stored)),
        "refusedSpans": .integer(Int64(counts.refused)), "incompletePeriods": .integer(Int64(state.gapCount)),
        "incomplete": .array(state.gaps.map(\.document)),
      ]
      Console.write(format.text(document, sortKeys: false))
    }
    var warnings: [String] = []
    if counts.refused > 0 {
      warnings.append("the collector refused \(counts.refused) spans, the last one because: \(counts.reason)")
    }
    if state.gapCount > 0 {
      warnings.append("\(state.gapCount) periods could not be read in whole, so that traces of them may be missing")
      warnings += state.gaps.prefix(10).map(\.sentence)
    }
    Console.warn(warnings)
    if !warnings.isEmpty { throw ExitCode.failure }
  }

  private func tokenHeader() throws -> [(name: String, value: String)] {
    guard let toTokenFile else { return [] }
    switch FileAccess.read(toTokenFile, limit: 1 << 16) {
    case .failure(let failure): throw CommandFailure("the token of --to-token-file cannot be read: \(failure)")
    case .success(let bytes):
      let token = bytes.filter { (0x21...0x7E).contains($0) }
      guard !token.isEmpty else { throw CommandFailure("\(toTokenFile.quoted) of --to-token-file holds no token") }
      return [("authorization", "Bearer \(String(decoding: token, as: UTF8.self))")]
    }
  }

  private func client(
    _ text: String, _ flag: String, headers: [(name: String, value: String)]
  ) throws -> ControlPlaneClient {
    for (name, value) in headers {
      // Source: RFC 9110, section 5. The values are not shown: they may be secrets.
      guard name.wholeMatch(of: /[A-Za-z0-9!#$%&'*+.^_`|~\-]+/) != nil else {
        throw CommandFailure("\(flag)-header: \(name.quoted) cannot be the name of a header")
      }
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw CommandFailure(
          "\(flag)-header: the value of \(name.quoted) has a line break or another control character; leave it out")
      }
    }
    do {
      return ControlPlaneClient(
        address: try ControlPlaneAddress(text),
        settings: ControlPlaneClient.Settings(
          headers: headers, timeout: global.apiTimeout.duration, caFile: caCertFile))
    } catch {
      throw CommandFailure(
        "\(flag) \(Redaction.masked(text: text).quoted) is not an address such as http://zipkin:9411: "
          + (error.reason.isEmpty ? error.title : error.reason))
    }
  }

  /// A length of time in milliseconds: `12h`, `7d`.
  static func age(_ text: String) -> Int64? {
    let units: [Character: Int64] = [
      "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000,
    ]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()), number > 0 else {
      return nil
    }
    let (age, overflows) = number.multipliedReportingOverflow(by: unit)
    return overflows ? nil : age
  }
}

/// Tells on standard error how far an import has come: on a terminal in one line that changes, elsewhere in a line for each tenth.
private final class ImportProgress {
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var shown: Int64 = 0

  func show(_ state: ImportState) {
    let whole = max(1, state.periods.end - state.start)
    let percent = (state.periods.position - state.start) * 100 / whole
    let line =
      "\(percent) %, up to \(ImportState.Gap.time(state.periods.position)): \(state.counts.traces) traces, "
      + "\(state.counts.stored) spans"
    if isTerminal {
      FileAccess.write("\r\(line)\u{1B}[K".utf8, to: STDERR_FILENO)
    } else if percent / 10 > shown / 10, percent < 100 {
      Console.notice(line)
    }
    shown = percent
  }

  func end() { if isTerminal { FileAccess.write("\r\u{1B}[K".utf8, to: STDERR_FILENO) } }
}
