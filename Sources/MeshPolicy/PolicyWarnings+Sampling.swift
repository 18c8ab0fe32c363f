public import MeshModel

extension PolicyWarnings {
  /// Warnings about backends of a mesh whose `sampling` has an unexpected effect or depends on what callers send.
  public static func sampling(of mesh: Mesh) -> [String] {
    let backends = (mesh.tracing?.backends ?? []).compactMap { backend in
      backend.sampling.map { (name: backend.name, percent: $0, steps: SamplingSteps(percent: $0)) }
    }
    let cut = few(backends.filter { $0.steps.isLess(than: $0.percent) }) { backend in
      let steps =
        "Tracing backend \"\(backend.name.abridged())\" has sampling \(text(backend.percent)), and Envoy counts in steps "
        + "of 0.01 and leaves out the rest: "
      return steps
        + (backend.steps.isNone
          ? "nothing will be traced. Set 0.01 or more, or 0 for none."
          : "\(backend.steps.percent) % of the requests will be traced.")
    } rest: { others in
      "The same holds for \(others.count == 1 ? "the tracing backend" : "the tracing backends") \(list(others.map(\.name)))."
    }
    let partial = backends.filter { !$0.steps.isAll && !$0.steps.isNone }
    guard let first = partial.first else { return cut }
    let others = partial.count == 1 ? "" : " (and \(partial.count - 1) more)"
    return cut + [
      "Tracing backend \"\(first.name.abridged())\"\(others) has sampling \(text(first.percent)): Envoy chooses the requests by "
        + "the first eight characters of x-request-id, read as a hexadecimal number. Where callers set this header "
        + "themselves, requests whose id does not begin so (a ULID, a word) are never traced, and of ids that begin with "
        + "the time (UUIDv7) all or none are, for a minute at a time. Envoy counts what is left out in "
        + "http.*.tracing.not_traceable. With sampling 100 every request is traced, whatever its id."
    ]
  }

  /// A percentage as written in a document: `10`, `12.5`.
  private static func text(_ percent: Double) -> String { DocumentValue.number(percent).json() }
}
