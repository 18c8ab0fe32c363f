/// Which services pass on traces, as the collector says.
struct PropagationAnswer: Decodable, Sendable {
  var services: [Service]

  /// What it says of a service.
  struct Service: Decodable, Sendable {
    var service: String
    var verdict: String
    var message: String
    var inbound: Int
  }

  /// The services that it names as breaking traces.
  var named: [Service] { services.filter { $0.verdict == "breaks" || $0.verdict == "partly" } }
}
