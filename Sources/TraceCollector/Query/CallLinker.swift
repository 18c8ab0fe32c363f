/// A call between services, or a request that one served, as one trace has it.
struct Call {
  /// What it counts for.
  enum Kind: UInt8 {
    /// A span of a service.
    case span = 0
    /// A request that a service served, or the beginning of a trace.
    case request = 1
    /// A call from one service to another.
    case edge = 2
  }

  var kind: Kind
  /// The service, of an edge the one that calls: ``TextHash`` of its name.
  var service: UInt64
  /// The operation, of an edge the service that is called.
  var other: UInt64
  /// When it began, in milliseconds since 1970.
  var time: Int64
  /// In microseconds; 0 if unknown.
  var duration: Int64
  var isError: Bool
}

/// Finds the calls in a trace, each once however many sides reported it (as Zipkin counts dependencies).
enum CallLinker {
  /// Gives each call of some spans that have the low half of their trace's id in common.
  static func calls(in entries: [SpanEntry], _ emit: (Call) -> Void) {
    for trace in TraceAssembly.traces(entries) { link(trace, emit) }
  }

  private static func link(_ spans: [SpanEntry], _ emit: (Call) -> Void) {
    let parents = SpanLinks(spans).parents
    var hasServerChild = [Bool](repeating: false, count: spans.count)
    for (index, span) in spans.enumerated() where span.kind == .server || span.isShared {
      if let parent = parents[index] { hasServerChild[parent] = true }
    }

    /// The service of the nearest call above.
    func caller(of index: Int) -> UInt64? {
      var next = parents[index]
      while let parent = next {
        if spans[parent].kind != nil, spans[parent].service != SpanEncoder.empty { return spans[parent].service }
        next = parents[parent]
      }
      return nil
    }

    func edge(_ parent: UInt64, _ child: UInt64, _ span: SpanEntry, duration: Int64, isError: Bool) {
      guard parent != SpanEncoder.empty, child != SpanEncoder.empty else { return }
      emit(
        Call(kind: .edge, service: parent, other: child, time: span.time, duration: duration, isError: isError))
    }

    for (index, span) in spans.enumerated() {
      emit(
        Call(
          kind: .span, service: span.service, other: span.operation, time: span.time, duration: span.duration,
          isError: span.isError))
      if span.isServerSide || span.isRoot {
        emit(
          Call(
            kind: .request, service: span.service, other: span.operation, time: span.time, duration: span.duration,
            isError: span.isError))
      }
      switch span.kind {
      case .client where !hasServerChild[index]:
        if let caller = caller(of: index), caller != span.service {
          edge(caller, span.service, span, duration: span.duration, isError: false)
        }
        edge(span.service, span.remoteService, span, duration: span.duration, isError: span.isError)
      case .server:
        let client = parents[index].map { spans[$0] }.flatMap { $0.kind == .client ? $0 : nil }
        // What the caller saw counts: it has the way there and back in it.
        edge(
          caller(of: index) ?? span.remoteService, span.service, span,
          duration: client.map { $0.duration > 0 ? $0.duration : span.duration } ?? span.duration,
          isError: span.isError || client?.isError == true)
      case .producer: edge(span.service, span.remoteService, span, duration: span.duration, isError: span.isError)
      case .consumer: edge(span.remoteService, span.service, span, duration: span.duration, isError: span.isError)
      case nil where !hasServerChild[index]:
        edge(span.service, span.remoteService, span, duration: span.duration, isError: span.isError)
      case .client, nil: break
      }
    }
  }
}
