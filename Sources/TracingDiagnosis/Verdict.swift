package import MeshModel

/// What a proxy's requests leave, in one sentence, with what shows it.
package struct Verdict: Sendable, Hashable {
  /// How bad it is.
  package enum Level: String, Sendable, Hashable, CaseIterable {
    /// Spans arrive.
    case fine
    /// Nothing is wrong, and nothing can be seen yet.
    case waiting
    /// Spans are missing, and it is known why.
    case fault
    /// What is known does not suffice for a verdict.
    case unknown
  }

  /// Something that was seen.
  package struct Fact: Sendable, Hashable {
    /// Who says it.
    package enum Source: String, Sendable, Hashable, CaseIterable {
      /// What the resources of the mesh say.
      case decided
      /// What the proxy's connection to the control plane says.
      case proxy
      /// What Envoy has counted.
      case envoy
      /// What the collector has received.
      case collector
    }

    /// Who says it.
    package var source: Source
    /// A sentence.
    package var text: String

    /// Makes a fact.
    package init(_ source: Source, _ text: String) {
      self.source = source
      self.text = text
    }
  }

  /// The cause; ``Cause/fine`` where there is none.
  package var cause: Cause
  /// How bad it is.
  package var level: Level
  /// One sentence.
  package var summary: String
  /// What shows it.
  package var evidence: [Fact]
  /// What to do.
  package var remedy: String
  /// Since when it is so, as far as it is known.
  package var since: Timestamp?
  /// The id of the newest trace with a span of the proxy, in hexadecimal; `nil` where none is known.
  package var trace: String?

  /// Makes a verdict.
  ///
  /// - Parameters:
  ///   - level: `nil` for the level that the cause has by itself.
  ///   - remedy: `nil` for what the table says.
  package init(
    _ cause: Cause, level: Level? = nil, _ summary: String, evidence: [Fact] = [], remedy: String? = nil,
    since: Timestamp? = nil, trace: String? = nil
  ) {
    self.cause = cause
    self.level = level ?? (cause == .fine ? .fine : cause == .unknown ? .unknown : .fault)
    self.summary = summary
    self.evidence = evidence
    self.remedy = remedy ?? cause.remedy
    self.since = since
    self.trace = trace
  }

  /// Whether spans arrive as they should.
  package var isFine: Bool { level == .fine }
}
