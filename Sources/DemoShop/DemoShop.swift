/// The services of the demo: a small shop. What is not in stock cannot be paid for, and sometimes the payment fails.
package enum DemoShop {
  /// A service.
  package struct Service: Sendable {
    /// Its name, by which others call it.
    package let name: String
    /// The services that it calls for each request, in this order.
    package let calls: [String]
    /// Every nth request fails; `nil` for no failures.
    package let failsEvery: Int?
    /// About how long it works on a request, in milliseconds.
    package let workMilliseconds: Int
  }

  /// The services; requests from outside go to the first one.
  package static let services = [
    Service(name: "storefront", calls: ["catalogue", "checkout"], failsEvery: nil, workMilliseconds: 3),
    Service(name: "catalogue", calls: [], failsEvery: nil, workMilliseconds: 8),
    Service(name: "checkout", calls: ["payments"], failsEvery: nil, workMilliseconds: 4),
    Service(name: "payments", calls: [], failsEvery: 6, workMilliseconds: 12),
  ]
}
