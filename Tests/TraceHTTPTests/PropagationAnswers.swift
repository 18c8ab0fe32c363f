/// The answers of HTTP about broken traces, as a client reads them.
extension PropagationAPITests {
  struct Report: Decodable {
    struct Service: Decodable {
      struct Callee: Decodable {
        let service: String
        let continued: Int
        let started: Int
        let message: String
      }
      struct Example: Decodable {
        let traceID: String
        let brokenTraceID: String
        let callee: String
        let confidence: Double
      }
      struct Finding: Decodable {
        struct Tag: Decodable {
          let key: String
          let value: String
        }
        let kind: String
        let title: String
        let callee: String
        let message: String
        let advice: String
        let isBreak: Bool
        let calls: Int
        let judged: Int
        let since: Int64?
        let nodes: [String]
        let otherNodes: [String]
        let traces: [String]
        let tag: Tag?
      }
      let service: String
      let verdict: String
      let kind: String?
      let message: String
      let advice: String?
      let findings: [Finding]
      let inbound: Int
      let continued: Int
      let started: Int
      let rate: Double?
      let callees: [Callee]
      let examples: [Example]
    }
    let services: [Service]
  }

  struct Tree: Decodable {
    struct Node: Decodable {
      let depth: Int
      let span: Reply.SpanID
    }
    struct Piece: Decodable {
      let traceID: String
      let under: Int
      let confidence: Double
      let service: String
      let reason: String
      let nodes: [Node]
    }
    struct Parent: Decodable {
      let traceID: String
      let spanID: String
      let confidence: Double
      let reason: String
    }
    struct Detached: Decodable {
      let node: Int
      let under: Int
      let reason: String
    }
    let nodes: [Node]
    let detached: [Detached]?
    let pieces: [Piece]?
    let probableParent: Parent?
  }
}
