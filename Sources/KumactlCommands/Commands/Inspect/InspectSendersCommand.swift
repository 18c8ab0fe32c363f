import ArgumentParser
import MeshClient
import MeshModel
import OrderedCollections

struct InspectSendersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "senders", abstract: "Inspect senders of spans.",
    discussion: """
      Inspect senders of spans: the proxies and programs that send spans to the trace collector of this control plane, what \
      they send, what was refused and why, how far their clocks are off, and what to change.

      Examples:
      kumactl inspect senders
      kumactl inspect senders --service web-app -o yaml
      """)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("only senders of spans of this service", valueName: "string"))
  var service: String?

  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup var ignored: IgnoredWords
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    ignored.warn()
    let format = try output.format
    let client = try Session(global).client()
    let answers: [DocumentValue]
    do {
      answers = try await client.pages("/senders", query: service.map { [("service", $0)] } ?? [])
    } catch {
      throw error.during("failed to list senders")
    }
    let items = answers.flatMap { $0["items"]?.array ?? [] }
    Console.note(answers.first?["reason"]?.string)
    guard format == .table else { return Console.write(format.text(list: items, total: items.count)) }
    let now = Age.now
    Console.write(Table(rows: items.map { Row($0, now: now) }).text)
    for item in items {
      let advice = (item["advice"]?.array ?? []).compactMap(\.string)
      guard !advice.isEmpty else { continue }
      let name = (item["id"]?.string ?? "").printable
      Console.write("\n\(name):\n" + advice.map { "  \($0.printable)\n" }.joined())
    }
  }

  struct Row: DocumentRow {
    static let headers = [
      "SENDER", "KIND", "SERVICES", "FORMATS", "SPANS", "PER SECOND", "LAST SEEN AGO", "REFUSED", "CLOCK",
    ]
    let cells: [String]

    init(_ sender: DocumentValue, now: Timestamp) {
      func list(_ name: String) -> String {
        let names = (sender[name]?.array ?? []).compactMap(\.string)
        return names.isEmpty ? "-" : names.joined(separator: ",")
      }
      let refused = (sender["refused"]?.array ?? []).map { refusal in
        "\(InspectServicesCommand.count(refusal["spans"])) \(refusal["reason"]?.string ?? "")"
      }
      cells = [
        sender["id"]?.string ?? "", sender["kind"]?.string ?? "", list("services"), list("formats"),
        InspectServicesCommand.count(sender["spans"]), Self.rate(sender["rate"]),
        Age.text(since: Self.time(sender["lastSeen"]), now: now),
        refused.isEmpty ? "-" : refused.joined(separator: ", "), Self.clock(sender["clockOffset"]),
      ]
    }

    /// A time in milliseconds since 1970.
    private static func time(_ value: DocumentValue?) -> Timestamp? {
      value?.number.flatMap { Int64(exactly: ($0 / 1000).rounded(.down)) }.map { Timestamp(seconds: $0) }
    }

    private static func rate(_ value: DocumentValue?) -> String {
      guard let rate = value?.number, rate >= 0, rate < 1e12 else { return "-" }
      let tenths = Int((rate * 10).rounded())
      return rate >= 10 ? String(Int(rate.rounded())) : "\(tenths / 10).\(tenths % 10)"
    }

    /// How far a clock is off; a second more or less is not worth a word.
    private static func clock(_ value: DocumentValue?) -> String {
      guard let offset = value?.number, abs(offset) < 1e15 else { return "-" }
      guard abs(offset) >= 1000 else { return "right" }
      let age = Age.text(since: Timestamp(seconds: -Int64(abs(offset) / 1000)), now: Timestamp(seconds: 0))
      return "\(age) \(offset < 0 ? "ahead" : "behind")"
    }
  }
}
