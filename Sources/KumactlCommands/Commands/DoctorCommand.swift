import ArgumentParser
import MeshClient
import MeshModel
import OrderedCollections

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Find out why there are no traces.",
    discussion: """
      Find out why there are no traces: of a whole mesh, of a service, or of the requests of one service to another. It \
      says what it looked at, and for each cause what shows it and what to do. It ends with status 1 if anything is not \
      fine or not known.

      Examples:
      # Everything in the mesh "default"
      kumactl doctor

      # A service
      kumactl doctor --service web

      # The requests of one service to another
      kumactl doctor --from web --to api

      # The same for programs
      kumactl doctor -o json
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("the service to look at", valueName: "string"))
  var service: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("with --to: the service whose requests are looked at", valueName: "string"))
  var from: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("with --from: the service that is called", valueName: "string"))
  var to: String?

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let format = try output.format
    if service != nil, from != nil || to != nil {
      throw CommandFailure("--service is one service, --from and --to are the way between two; give one or the other")
    }
    if (from == nil) != (to == nil) {
      throw CommandFailure("\(from == nil ? "--to" : "--from") alone is no way; give --from and --to, or --service")
    }
    let client = try Session(global).client()
    let path = "/meshes/\(ControlPlaneClient.escape(mesh.mesh))"
    let findings: Findings
    if let asked = service ?? to {
      let query = from.map { "?from=\(ControlPlaneClient.escape($0))" } ?? ""
      findings = Findings(
        service: try await client.send(.get, "\(path)/services/\(ControlPlaneClient.escape(asked))/_tracing\(query)"))
    } else {
      findings = Findings(mesh: try await client.pages("\(path)/_tracing"), named: mesh.mesh)
    }
    Console.write(
      format == .table ? findings.text(now: Age.now) : format.text(findings.document, sortKeys: false))
    if !findings.isFine { throw ExitCode.failure }
  }

  /// What was looked at and found.
  struct Findings {
    let document: DocumentValue
    let isFine: Bool
    private let looked: [String]
    private let causes: [Cause]
    /// Whether the answer is one about a mesh or a service.
    private let isUnderstood: Bool
    private let verdict: TracingVerdict?

    /// Proxies with one cause.
    private struct Cause {
      var verdict: TracingVerdict
      var names: [String]
    }

    /// Findings about a whole mesh.
    ///
    /// - Parameter pages: the pages of its `_tracing`.
    init(mesh pages: [DocumentValue], named mesh: String) {
      var whole = pages.first?.object ?? [:]
      let items = pages.flatMap { $0["items"]?.array ?? [] }
      (whole["items"], whole["next"]) = (.array(items), .null)
      document = .object(whole)
      let policies = pages.first?["policies"]?.array?.count ?? 0
      looked = [
        "mesh \(mesh.quoted)", TracingListing.totals(document),
        "\(policies) TrafficTrace\(policies == 1 ? "" : "s")",
      ]
      causes = Self.causes(items)
      verdict = nil
      isUnderstood = !pages.isEmpty && pages.allSatisfy { $0["items"]?.array != nil }
      let total = pages.first?["total"]?.number ?? 0
      // A mesh without proxies leaves no traces.
      isFine = isUnderstood && causes.isEmpty && !items.isEmpty && Double(items.count) >= total
    }

    /// Findings about a service, or the way to it.
    ///
    /// - Parameter answer: the service's `_tracing`.
    init(service answer: DocumentValue) {
      document = answer
      looked = (answer["looked"]?.array ?? []).compactMap(\.string)
      causes = Self.causes((answer["proxies"]?.array ?? []) + (answer["callers"]?.array ?? []))
      verdict = TracingVerdict(answer["verdict"])
      isUnderstood = verdict != nil
      isFine = isUnderstood && causes.isEmpty && answer["fine"]?.bool == true
    }

    /// The proxies that are not fine, by cause, the most frequent first.
    private static func causes(_ items: [DocumentValue]) -> [Cause] {
      var causes: OrderedDictionary<String, Cause> = [:]
      for item in items {
        let verdict = TracingVerdict(item["verdict"]) ?? .missing
        guard !verdict.isFine else { continue }
        causes[verdict.cause, default: Cause(verdict: verdict, names: [])].names.append(item["name"]?.string ?? "")
      }
      return causes.values.sorted { $0.names.count > $1.names.count }
    }

    /// The findings for people.
    func text(now: Timestamp) -> String {
      var sections = ["Looked at: \(looked.map(\.printable).joined(separator: "; "))\n"]
      sections += causes.map { cause in
        let count = cause.names.count == 1 ? "1 proxy" : "\(cause.names.count) proxies"
        let names = cause.names.prefix(5).map(\.printable).joined(separator: ", ")
        let others = cause.names.count > 5 ? " and \(cause.names.count - 5) more" : ""
        return "\(count): \(names)\(others)\n\n" + cause.verdict.sections(now: now).joined(separator: "\n")
      }
      // One that says what is wrong with a proxy is there already.
      if let verdict, !causes.contains(where: { $0.verdict.cause == verdict.cause }) {
        sections.append(verdict.sections(now: now).joined(separator: "\n"))
      } else if verdict == nil {
        sections.append(isFine ? "Everything is fine.\n" : causes.isEmpty ? nothing : "")
      }
      return sections.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// What is said where nothing was found although not everything is fine.
    private var nothing: String {
      guard isUnderstood else {
        return """
          The answer is not one about tracing, so nothing is known.
          What to do: look whether the address is that of a control plane of this version: `kumactl version`.

          """
      }
      guard document["items"]?.array?.isEmpty != false else {
        return """
          The answer has fewer proxies than the mesh has, so nothing is known of the others.
          What to do: ask again.

          """
      }
      return Self.empty
    }

    private static let empty = """
      The mesh has no proxies, so there is nothing that could leave traces.
      What to do: start a kuma-dp, or name another mesh with --mesh; `kumactl get meshes` lists those that there are.

      """
  }
}
