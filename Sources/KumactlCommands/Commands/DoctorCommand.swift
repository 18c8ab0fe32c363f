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
      fine or not known. Proxies that are connected to another control plane of the same store are named with it: only \
      that one knows whether their spans arrive. They make the status 1 only if no other proxy is there to look at.

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
    private let proxies: Proxies
    /// Whether the answer is one about a mesh or a service.
    private let isUnderstood: Bool
    private let verdict: TracingVerdict?

    /// Proxies with one cause.
    private struct Cause {
      var verdict: TracingVerdict
      var names: [String]
    }

    /// What is said of proxies, one by one.
    private struct Proxies {
      /// Those that are not fine, by cause, the most frequent first.
      var causes: [Cause] = []
      /// Those of which nothing is known here, by the control plane to which they are connected, with the causes that stand for that.
      var elsewhere: OrderedDictionary<String, [String]> = [:]
      var causesElsewhere: Set<String> = []
      /// Whether there are others.
      var hasKnown = false

      init(_ items: [DocumentValue]) {
        var causes: OrderedDictionary<String, Cause> = [:]
        for item in items {
          let (name, verdict) = (item["name"]?.string ?? "", TracingVerdict(item["verdict"]) ?? .missing)
          if let controlPlane = item["controlPlane"]?.string, item["verdict"]?["level"]?.string == "unknown" {
            elsewhere[controlPlane, default: []].append(name)
            causesElsewhere.insert(verdict.cause)
            continue
          }
          hasKnown = true
          guard !verdict.isFine else { continue }
          causes[verdict.cause, default: Cause(verdict: verdict, names: [])].names.append(name)
        }
        self.causes = causes.values.sorted { $0.names.count > $1.names.count }
      }
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
      proxies = Proxies(items)
      verdict = nil
      isUnderstood = !pages.isEmpty && pages.allSatisfy { $0["items"]?.array != nil }
      let total = pages.first?["total"]?.number ?? 0
      // A mesh without proxies leaves no traces.
      isFine = isUnderstood && proxies.causes.isEmpty && proxies.hasKnown && Double(items.count) >= total
    }

    /// Findings about a service, or the way to it.
    ///
    /// - Parameter answer: the service's `_tracing`.
    init(service answer: DocumentValue) {
      document = answer
      looked = (answer["looked"]?.array ?? []).compactMap(\.string)
      let proxies = Proxies((answer["proxies"]?.array ?? []) + (answer["callers"]?.array ?? []))
      let all = TracingVerdict(answer["verdict"])
      // That of proxies elsewhere says nothing of the others.
      let isElsewhere = all.map { proxies.hasKnown && proxies.causesElsewhere.contains($0.cause) } ?? false
      verdict = isElsewhere ? nil : all
      isUnderstood = all != nil
      self.proxies = proxies
      let hasFineVerdict = isElsewhere || all?.isFine == true
      isFine =
        isUnderstood && proxies.causes.isEmpty && hasFineVerdict
        && (answer["fine"]?.bool == true || proxies.hasKnown && !proxies.elsewhere.isEmpty)
    }

    /// The findings for people.
    func text(now: Timestamp) -> String {
      var sections = ["Looked at: \(looked.map(\.printable).joined(separator: "; "))\n"]
      sections += proxies.causes.map { cause in
        "\(Self.count(cause.names)): \(Self.list(cause.names))\n\n"
          + cause.verdict.sections(now: now).joined(separator: "\n")
      }
      sections += proxies.elsewhere.map { controlPlane, names in
        """
        \(Self.count(names)) at the control plane \(controlPlane.quoted): \(Self.list(names))
        Only that control plane has what their Envoys count.
        What to do: ask it too: `kumactl doctor` with its own address, not one that it shares with others.

        """
      }
      // One that says what is wrong with a proxy is there already.
      if let verdict {
        let isSaid = proxies.causes.contains { $0.verdict.cause == verdict.cause }
        if !isSaid { sections.append(verdict.sections(now: now).joined(separator: "\n")) }
      } else if isFine {
        sections.append(proxies.elsewhere.isEmpty ? "Everything is fine.\n" : "Everything else is fine.\n")
      } else if proxies.causes.isEmpty {
        sections.append(nothing)
      }
      return sections.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private static func count(_ names: [String]) -> String { names.count == 1 ? "1 proxy" : "\(names.count) proxies" }

    private static func list(_ names: [String]) -> String {
      let others = names.count > 5 ? " and \(names.count - 5) more" : ""
      return names.prefix(5).map(\.printable).joined(separator: ", ") + others
    }

    /// What is said where nothing was found although not everything is fine.
    private var nothing: String {
      guard isUnderstood else {
        return """
          The answer is not one about tracing, so nothing is known.
          What to do: look whether the address is that of a control plane of this version: `kumactl version`.

          """
      }
      guard proxies.hasKnown || proxies.elsewhere.isEmpty else {
        return "No proxy is connected to the control plane that was asked, so it does not know whether spans arrive.\n"
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
