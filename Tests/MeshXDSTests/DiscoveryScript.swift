import EnvoyAPI
import Testing

@testable import MeshXDS

/// One event given to a stream.
enum Step {
  /// State of the world: names, version, and the answered nonce.
  case ask(Kind, String = "", version: String = "", nonce: String = "", error: String? = nil, node: String = "n")
  /// Incremental: names more (`a`), less (`-a`), and what is held (`a=version`).
  case change(Kind, String = "", held: [String: String] = [:], nonce: String = "", error: String? = nil)
  case snapshot(ProxySnapshot)
  case sent
  /// The time of a wait has passed; the wait is the number-th for its timer.
  case passed(DiscoveryStreamStateMachine.Wait.Timer, Int)
}

/// Events and the actions they are to have, one line per action.
struct DiscoveryScript: CustomTestStringConvertible {
  let testDescription: String
  let variant: DiscoveryVariant
  let steps: [(Step, [String])]

  init(_ name: String, _ steps: [(Step, [String])]) { self.init(name, .stateOfTheWorld, steps) }

  init(_ name: String, _ variant: DiscoveryVariant, _ steps: [(Step, [String])]) {
    testDescription = name
    self.variant = variant
    self.steps = steps
  }
}

extension DiscoveryStreamStateMachine.Action {
  /// The action in words.
  var words: String {
    func short(_ typeURL: String) -> String { Kind(typeURL: typeURL)?.rawValue ?? typeURL }
    switch self {
    case .nodeKnown(let node): return "node \(node.id)"
    case .send(let response):
      var names = response.resources.map(\.name)
      // Of the runtime its values matter.
      if let mode = ReportingMode(ResourceSet(response.resources)), response.typeURL == ResourceTypeURL.runtime {
        names = ["\(mode.minimumSpans) spans, \(mode.interval)" + (mode.hasSmallBuffers ? ", small buffers" : "")]
      }
      let words = [short(response.typeURL), "#" + response.nonce] + names
      return (words + response.removed.map { "-" + $0 }).joined(separator: " ")
    case .acknowledged(let type, _, let nonce): return "ack \(short(type)) #\(nonce)"
    case .rejected(let type, _, let nonce, let message): return "nack \(short(type)) #\(nonce) \(message)"
    case .wait(let wait): return "wait \(wait.timer) \(wait.duration)"
    case .fail(let failure): return "fail \(failure.code)"
    }
  }
}

extension Step {
  /// The event that the step stands for.
  var event: DiscoveryStreamStateMachine.Event {
    switch self {
    case .ask(let kind, let names, let version, let nonce, let error, let nodeID):
      var message = Envoy_Service_Discovery_V3_DiscoveryRequest()
      message.node.id = nodeID
      message.typeURL = kind.typeURL
      message.resourceNames = names.split(separator: " ").map(String.init)
      message.versionInfo = version
      message.responseNonce = nonce
      if let error { message.errorDetail.message = error }
      return .request(DiscoveryStreamRequest(message))
    case .change(let kind, let names, let held, let nonce, let error):
      var message = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
      message.node.id = "n"
      message.typeURL = kind.typeURL
      for name in names.split(separator: " ") {
        if name.hasPrefix("-") {
          message.resourceNamesUnsubscribe.append(String(name.dropFirst()))
        } else {
          message.resourceNamesSubscribe.append(String(name))
        }
      }
      message.initialResourceVersions = held
      message.responseNonce = nonce
      if let error { message.errorDetail.message = error }
      return .request(DiscoveryStreamRequest(message))
    case .snapshot(let snapshot): return .snapshotChanged(snapshot)
    case .sent: return .sent
    case .passed(let timer, let number):
      return .passed(
        DiscoveryStreamStateMachine.Wait(timer: timer, duration: .zero, number: UInt64(number)))
    }
  }
}
