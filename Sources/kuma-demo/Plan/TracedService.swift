/// A service as it appears in traces.
struct TracedService: Sendable {
  /// The name by which its spans are known.
  var name: String
  /// The names of the services that it calls, in this order.
  var calls: [String]
}

extension DemoPlan {
  /// The services as they appear in traces.
  var traced: [TracedService] { services.map { TracedService(name: $0.name, calls: $0.calls) } }
}
