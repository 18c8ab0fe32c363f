import AccessHTTP
import AsyncHTTPClient
import Documents
import Foundation
import HTTPService
import MeshAccess
import NIOCore
import NIOHTTP1
import ProxySimulation
import TestSupport
import Testing
import TraceHTTP

@testable import kuma_cp

/// All operations of all servers, as every kind of client meets them over HTTP and gRPC.
@Suite("The access matrix of a control plane", .timeLimit(.minutes(10)))
struct AccessMatrixTests {
  /// What a client shows.
  private enum Role: String, CaseIterable {
    /// Nothing.
    case nobody
    /// A token whose signature is not right.
    case forger
    /// The mesh's token for sending spans.
    case sender
    /// A dataplane token.
    case proxy
    /// A user token without groups.
    case reader
    /// A user token with a group that has `writePolicies`.
    case author
    /// The token of the administrator.
    case administrator
  }

  @Test("has every operation of every server, and none that does not exist")
  func complete() async throws {
    try await RunningPipeline.with { server in
      let paths = try await server.describedOperations(ofOthers: false)
      func expect(_ server: AccessMatrix.Server, _ operations: [String]) {
        let rows = AccessMatrix.standard.rows.filter { $0.server == server }.flatMap(\.operations)
        #expect(Set(operations).subtracting(rows).isEmpty, "not in the matrix of \(server)")
        #expect(Set(rows).subtracting(operations).isEmpty, "only in the matrix of \(server)")
      }
      expect(.api, paths + ["GET /openapi.yaml"])
      expect(.collector, CollectorAPI.operationNames.all + SignInRoutes.operations.map(\.name))
      expect(.otlp, CollectorAPI.operationNames.ofExporters)
      expect(.diagnostics, DiagnosticsAPI.operationNames)
      // All that is described for the collector is the collector's.
      let described = try await server.describedOperations(ofOthers: true)
      #expect(!described.isEmpty)
      #expect(Set(described).isSubset(of: CollectorAPI.operationNames.all + SignInRoutes.operations.map(\.name)))
    }
  }

  @Test("is what every client meets: the golden file lists who may run each operation")
  func walk() async throws {
    let log = LogRecorder()
    try await RunningPipeline.with(log: log) { server in
      let tokens = try await tokens(of: server)
      var lines: [String] = []
      for row in AccessMatrix.standard.rows where row.requirement != .proxy {
        for operation in row.operations {
          var allowed: [String] = []
          for role in Role.allCases {
            let (status, body) = try await server.send(operation, to: row.server, token: tokens[role])
            if status != 401, status != 403 { allowed.append(role.rawValue) }
            #expect(status < 500 || operation == "GET /ready", "\(operation) for \(role): \(status) \(body)")
            // The reason is for the log.
            for word in ["signature", "permission", "KID", "kid"] where [401, 403].contains(status) {
              #expect(!body.contains(word), "\(operation) for \(role): \(body)")
            }
          }
          lines.append("\(row.server.rawValue) \(operation): \(allowed.joined(separator: " "))")
        }
      }
      lines += try await bootstraps(of: server, tokens).map { "dataplane POST /bootstrap: \($0)" }
      for isIncremental in [false, true] {
        let allowed = try await streams(of: server, tokens, isIncremental: isIncremental)
        lines.append("dataplane \(isIncremental ? "Delta" : "Stream")AggregatedResources: \(allowed)")
      }
      try Golden().check(lines.joined(separator: "\n") + "\n", "access.txt")
    }
    let reasons = log.lines.filter { $0.message == "the server refused access" }.compactMap { $0.metadata["reason"] }
    for part in [
      "nothing was shown, and readResources is needed", "the token's signature is not that of the signing key",
      "reader/mesh-system:authenticated does not have the permission writePolicies",
      "mesh-system:ingest:default/mesh-system:ingest does not have the permission readTraces",
    ] {
      #expect(reasons.contains { $0.contains(part) }, "\(part) is not in \(reasons)")
    }
  }

  /// The token of each role, got as people get them.
  private func tokens(of server: RunningPipeline) async throws -> [Role: String] {
    var tokens: [Role: String] = [:]
    let admin = try await eventually("the token of the administrator") { server.administratorToken }
    tokens[.administrator] = admin
    func issue(_ path: String, _ body: String) async throws -> String {
      let (status, text) = try await server.request("POST", server.base(.api) + path, token: admin, body: body)
      try #require(status == 200, "\(text)")
      return text
    }
    tokens[.reader] = try await issue("/tokens/user", #"{"name": "reader", "validFor": "1h"}"#)
    tokens[.author] = try await issue(
      "/tokens/user", #"{"name": "author", "groups": ["policy-authors"], "validFor": "1h"}"#)
    tokens[.proxy] = try await issue("/tokens/dataplane", #"{"mesh": "default", "name": "proxy"}"#)
    tokens[.forger] = tokens[.reader].map { token in
      let middle = token.index(token.endIndex, offsetBy: -20)
      return token.replacingCharacters(in: middle...middle, with: token[middle] == "A" ? "B" : "A")
    }
    let spans = "a-token-for-the-spans-of-default"
    let (status, text) = try await server.request(
      "PUT", server.base(.api) + "/meshes/default/secrets/trace-ingest-token-default-2", token: admin,
      body: """
        {"type": "Secret", "mesh": "default", "name": "trace-ingest-token-default-2", "data": "\(Base64.encode(Array(spans.utf8)))"}
        """)
    try #require(status == 201, "\(text)")
    tokens[.sender] = spans
    // A reader of the store gets it a moment later.
    try await eventually("the new token for spans") {
      try await server.send("POST /api/v2/spans", to: .collector, token: spans).status == 202
    }
    return tokens
  }

  private func dataplane(_ name: String) -> String {
    """
    {"type": "Dataplane", "mesh": "default", "name": "\(name)", "networking": {"address": "127.0.0.1", "inbound":
     [{"port": 10001, "servicePort": 8080, "tags": {"kuma.io/service": "web"}}]}}
    """
  }

  /// The roles that get a bootstrap for a proxy of their own name.
  private func bootstraps(of server: RunningPipeline, _ tokens: [Role: String]) async throws -> [String] {
    var allowed: [String] = []
    for role in Role.allCases {
      let request: DocumentValue = [
        "mesh": "default", "name": .string(role.rawValue), "dataplaneToken": .string(tokens[role] ?? ""),
        "dataplaneResource": .string(dataplane(role.rawValue)),
      ]
      let (status, body) = try await server.request(
        "POST", server.base(.dataplane) + "/bootstrap", token: nil, body: request.json())
      if status == 200 { allowed.append(role.rawValue) }
      #expect(status == 200 || !body.contains("signature"), "\(body)")
    }
    return [allowed.joined(separator: " ")]
  }

  /// The roles that get a configuration by a stream as a proxy of their own name.
  private func streams(
    of server: RunningPipeline, _ tokens: [Role: String], isIncremental: Bool
  ) async throws -> String {
    var settings = ProxyFleet.Settings(port: try #require(server.port(.dataplane)))
    settings.isIncremental = isIncremental
    let documents = Dictionary(uniqueKeysWithValues: Role.allCases.map { ("default.\($0)", dataplane("\($0)")) })
    let shown = Dictionary(uniqueKeysWithValues: Role.allCases.map { ("default.\($0)", tokens[$0]) })
    settings.dataplane = { documents[$0] }
    settings.token = { shown[$0] ?? nil }
    let fleet = ProxyFleet(nodeIDs: Role.allCases.map { "default.\($0)" }, settings: settings)
    let running = Task { await fleet.run() }
    defer { running.cancel() }
    try await eventually("an outcome of each stream") {
      fleet.proxies.allSatisfy { $0.isConfigured || ($0.streams > 1 && $0.lastFailure != nil) }
    }
    return fleet.proxies.filter(\.isConfigured).map { $0.nodeID.replacing("default.", with: "") }
      .joined(separator: " ")
  }
}
