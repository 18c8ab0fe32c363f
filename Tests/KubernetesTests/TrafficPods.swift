import Documents
import Foundation
import PodNetwork
import ProcessSupervisor
import TestSupport

/// The pods and servers of the tests of redirected traffic, and the questions that are asked in them.
struct TrafficPods {
  /// What a server saw of a request.
  struct Sight: Equatable {
    /// The address that the connection came from.
    var peer: String
    /// The trace of the request; empty when there is none.
    var trace: String
  }

  let rig: PodRig

  /// A server that says what it sees of each request. Its arguments are addresses with ports: `::=8080`.
  static let server = """
    import http.server, json, socket, sys, threading
    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 1024
        daemon_threads = True
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_GET(self):
            sight = {"peer": self.client_address[0].replace("::ffff:", ""), "trace": self.headers.get("x-b3-traceid", "")}
            body = json.dumps(sight).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_):
            pass
    for argument in sys.argv[1:]:
        address, port = argument.rsplit("=", 1)
        Server.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        threading.Thread(target=Server((address, int(port)), Handler).serve_forever).start()
    print("listening", flush=True)
    """

  /// A client that opens connections at a steady rate, sends a request on each, and counts the answers by their status.
  /// Its arguments are the address, connections per second, and seconds.
  static let client = """
    import collections, socket, sys, threading, time, urllib.parse
    url, rate, seconds = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    lock, counts = threading.Lock(), collections.Counter()
    def ask():
        try:
            with socket.create_connection((url.hostname, url.port or 80), timeout=30) as connection:
                connection.sendall(f"GET / HTTP/1.1\\r\\nhost: {url.hostname}\\r\\nconnection: close\\r\\n\\r\\n".encode())
                answer = b""
                while part := connection.recv(65536):
                    answer += part
            result = answer.split(b" ")[1].decode() if answer else "no answer"
        except OSError as error:
            result = type(error).__name__
        with lock:
            counts[result] += 1
    threads, begin = [], time.monotonic()
    for number in range(rate * seconds):
        time.sleep(max(0, begin + number / rate - time.monotonic()))
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
    for thread in threads:
        thread.join()
    print(" ".join(f"{result}={count}" for result, count in sorted(counts.items())))
    """

  /// Three pods in the mesh, `client`, `web` and `direct`, which has a headless Service, and one outside of it.
  static var documents: String {
    """
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080, appProtocol: http}]}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: direct}
    spec: {selector: {app: direct}, clusterIP: None, ports: [{port: 8080, appProtocol: http}]}
    ---
    \(pod("web", labels: "app: web", annotations: "traffic.kuma.io/exclude-inbound-ports: '8081'", server: ["::=8080", "::=8081"]))
    ---
    \(pod(
      "client", labels: "app: client",
      annotations: "traffic.kuma.io/exclude-outbound-ports: '9999', traffic.kuma.io/exclude-outbound-ports-for-uids: 'tcp:1-65535:1234'",
      server: []))
    ---
    \(pod("direct", labels: "app: direct", annotations: "", server: ["::=8080"]))
    ---
    \(pod("outside", labels: "kuma.io/sidecar-injection: disabled", annotations: "", server: []))
    """
  }

  /// A pod with a server, or with nothing to do.
  static func pod(
    _ name: String, labels: String, annotations: String, server arguments: [String], restarts: String = "Always"
  ) -> String {
    let script = Self.server.split(separator: "\n").map { "        \($0)" }.joined(separator: "\n")
    let list = arguments.map { "'\($0)'" }.joined(separator: ", ")
    return """
      apiVersion: v1
      kind: Pod
      metadata: {name: \(name), labels: {\(labels)}, annotations: {\(annotations)}}
      spec:
        restartPolicy: \(restarts)
        terminationGracePeriodSeconds: 5
        containers:
        - name: app
          image: \(arguments.isEmpty ? "shell" : "python")
          command: [\(arguments.isEmpty ? "/bin/sh, -c, 'while :; do sleep 60; done'" : "python3, -c, \"$(SCRIPT)\", \(list)")]
          env:
          - name: SCRIPT
            value: |
      \(arguments.isEmpty ? "        nothing" : script)
      """
  }

  // MARK: Questions

  /// What a server sees of a request from a pod; `nil` when there is no answer of a server.
  ///
  /// - Parameter user: who sends it.
  func sight(_ url: String, from pod: String, user: Int = 0) async throws -> Sight? {
    let answer = try await ask(url, from: pod, user: user)
    guard answer.status == "200", let sight = try? DocumentValue(json: Array(answer.body.utf8)) else { return nil }
    return Sight(peer: sight["peer"]?.string ?? "", trace: sight["trace"]?.string ?? "")
  }

  /// Sends a request from a pod.
  ///
  /// - Returns: the status, `000` when there is none; the body; and the exit status of curl.
  func ask(_ url: String, from pod: String, user: Int = 0) async throws -> (status: String, body: String, exit: Int32) {
    let result = try await rig.node.execute(
      [
        "setpriv", "--reuid", "\(user)", "--clear-groups", "curl", "-gsS", "-m", "20", "-w", "\n%{http_code}", url,
      ], in: pod, rig.namespace, container: "app")
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    return (lines.last ?? "", lines.dropLast().joined(separator: "\n"), result.status)
  }

  /// Runs a command in a pod, as root with all rights and with this machine's files, but with the pod's processes.
  func run(_ program: String, _ arguments: String, in pod: String) async throws -> String {
    guard let sandbox = await rig.node.sandbox(of: pod, in: rig.namespace) else {
      throw PodRig.Failure(description: "the pod \(pod) does not run")
    }
    let result = try await sandbox.run(
      "unshare", "--mount", "--propagation", "private", "/bin/sh", "-e", "-c",
      "mount -t proc proc /proc; exec \"$0\" \(arguments)", program)
    guard result.status.isSuccess else { throw PodRig.Failure(description: "\(program) \(arguments): \(result)") }
    return result.output
  }

  /// A counter of the Envoy of a pod.
  func counter(_ name: String, of pod: String) async throws -> Int {
    let answer = try await ask("http://127.0.0.1:9901/stats?filter=^\(name)$", from: pod)
    guard let value = answer.body.split(whereSeparator: \.isWhitespace).last.flatMap({ Int($0) }) else {
      throw PodRig.Failure(description: "the Envoy of \(pod) has no counter \(name): \(answer)")
    }
    return value
  }
}
