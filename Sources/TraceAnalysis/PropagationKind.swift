public import TraceModel

/// A way in which a service breaks or blurs the traces that pass through it. The cases are the rows of the table in
/// docs/propagation.md.
public enum PropagationKind: String, Sendable, CaseIterable {
  /// Calls begin traces, because none of the headers was copied, or not those that the proxy reads. Also every break that cannot be
  /// told apart from it.
  case headersNotCopied = "headers-not-copied"
  /// Calls name a parent that no span reports: the application's tracer replaces the span id and does not send its spans here.
  case spanIDReplaced = "span-id-replaced"
  /// Calls above a size begin traces, and those below it continue them.
  case newTraceAboveSize = "new-trace-above-size"
  /// Calls carry headers twice: `x-request-id` arrives as two ids.
  case headerDoubled = "header-doubled"
  /// Calls name the caller's span as their parent: an Envoy before 1.40, or the service, left an older `b3` beside the new headers.
  case b3Flattened = "b3-flattened"
  /// Calls are reported for requests that their callers did not sample, or are not reported for sampled ones.
  case sampledFlagTurned = "sampled-flag-turned"
  /// Calls continue the trace with another `x-request-id`. The trace is complete.
  case requestIDReplaced = "request-id-replaced"
  /// Calls to a service reach no proxy that reports them, although it reported others.
  case proxySilent = "proxy-silent"
  /// Calls are made after the answer to their request.
  case detachedWork = "detached-work"

  /// The kind in words, as the page and messages call it.
  public var title: String {
    switch self {
    case .headersNotCopied: "headers not copied"
    case .spanIDReplaced: "span id replaced, parent never reported"
    case .newTraceAboveSize: "new trace above a size"
    case .headerDoubled: "headers doubled"
    case .b3Flattened: "b3 flattened"
    case .sampledFlagTurned: "sampled flag turned"
    case .requestIDReplaced: "request id replaced"
    case .proxySilent: "proxy silent"
    case .detachedWork: "calls after the answer"
    }
  }

  /// Whether spans of one request end up in several traces or without a parent, or are missing. The other kinds only need care.
  public var isBreak: Bool {
    switch self {
    case .headersNotCopied, .spanIDReplaced, .newTraceAboveSize, .b3Flattened, .sampledFlagTurned, .proxySilent: true
    case .headerDoubled, .requestIDReplaced, .detachedWork: false
    }
  }
}

/// What now breaks the traces of a service, in one value for those who ask about the service only.
public struct ServiceBreak: Sendable, Hashable {
  /// The kind of the break.
  public var kind: PropagationKind
  /// What was seen and what to do, in sentences.
  public var summary: String
  /// When it began, in microseconds since 1970; `nil` if it was so in all of the retained period.
  public var since: Int64?
  /// The newest trace that was broken; `nil` if none is kept.
  public var trace: TraceID?

  /// Describes a break.
  public init(kind: PropagationKind, summary: String, since: Int64? = nil, trace: TraceID? = nil) {
    self.kind = kind
    self.summary = summary
    self.since = since
    self.trace = trace
  }
}
