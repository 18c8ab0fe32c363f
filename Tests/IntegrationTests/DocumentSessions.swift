import Foundation
import Testing

/// Documents that are typed one after the other, on machines that have what they speak of.
struct DocumentSession: Sendable, CustomTestStringConvertible {
  /// What is typed.
  enum Part: Sendable {
    /// The blocks of a document in `docs`, those that name no machine in a terminal of the machine `here`.
    case document(String)
    /// What has to be there before a document, or to be so after it.
    case script(String, on: String = "here", String)
  }

  var name: String
  /// Addresses of machines beside `here`, by name.
  var others: [String: String] = [:]
  /// Files of `deploy/systemd` that the documents use.
  var units: [String] = []
  /// Programs that are in the path of the machine `here`.
  var installed = ["envoy", "kuma-cp", "kuma-dp", "kumactl"]
  /// Names of programs and units by their path from the home of the machine `here`.
  var checkout: [String: String] = [:]
  var parts: [Part]

  var testDescription: String { name }

  var documents: [String] { parts.compactMap { if case .document(let name) = $0 { name } else { nil } } }

  /// curl fails at every status from 400 on, also where a document does not ask it to.
  private static let strictly = Part.script("curl fails where an answer does", "echo fail >~/.curlrc")

  /// A trace of one span of the service `web`.
  private static func send(_ id: String) -> String {
    """
    curl --silent --fail --header 'Content-Type: application/json' --data '[{"traceId":"\(id)","id":"\(id)","name":"get",
      "kind":"SERVER","timestamp":'"$(date +%s%6N)"',"duration":1000,"localEndpoint":{"serviceName":"web"}}]' \\
      http://localhost:9411/api/v2/spans
    """
  }

  /// Waits until something answers, for twenty seconds at most.
  private static func wait(for address: String) -> String {
    """
    for attempt in $(seq 400); do
      ! curl --silent --output /dev/null http://localhost:\(address) || break
      sleep 0.05
    done
    """
  }

  static let all = [atAControlPlane, fromZipkinAndJaeger, fromKuma, upgrade]

  private static let atAControlPlane = DocumentSession(
    name: "at a control plane", others: ["traces": "192.0.2.3"],
    units: ["kuma-cp-collector.service", "kuma-trace.sysusers", "kuma-trace.tmpfiles"],
    checkout: [
      ".build/images/kuma-cp/kuma-cp": "kuma-cp",
      "deploy/systemd/kuma-cp-collector.service": "kuma-cp-collector.service",
      "deploy/systemd/kuma-trace.sysusers": "kuma-trace.sysusers",
      "deploy/systemd/kuma-trace.tmpfiles": "kuma-trace.tmpfiles",
    ],
    parts: [
      strictly,
      .script(
        "a control plane with a trace",
        """
        printf '%s\\n' '127.0.0.1 elsewhere' '127.0.0.1 zipkin.example' >>/etc/hosts
        echo key >key.txt
        # It also answers under the names of others, to which nobody shows a token.
        KUMA_GENERAL_UNPROTECTED_LISTENERS=collector kuma-cp run >/var/log/kuma-cp.log 2>&1 &
        \(wait(for: "5680/ready"))
        \(send("463ac35c9f6413ae"))
        """),
      .document("tokens.md"), .document("backends.md"), .document("metrics.md"), .document("collector.md"),
      .script("a trace was exported", "grep --quiet 463ac35c9f6413ae traces.json"),
    ])

  private static let fromZipkinAndJaeger = DocumentSession(
    name: "from Zipkin and Jaeger", others: ["zipkin": "192.0.2.20", "jaeger": "192.0.2.21"],
    parts: [
      .script(
        "a collector plays Zipkin", on: "zipkin",
        """
        KUMA_GENERAL_UNPROTECTED_LISTENERS=collector /media/programs/kuma-cp collector --zipkin-interface 0.0.0.0 \\
          --no-otlp --no-otlp-grpc >/var/log/zipkin.log 2>&1 &
        \(wait(for: "9411/health"))
        \(send("463ac35c9f6413ae"))
        """),
      .script(
        "Jaeger's query API", on: "jaeger",
        """
        jaeger-query >/var/log/jaeger.log 2>&1 &
        \(wait(for: "16686/api/services"))
        """),
      strictly,
      .document("coming-from-zipkin.md"),
      .script(
        "the trace was imported, and Jaeger has another one",
        "curl --silent --output /dev/null http://localhost:9411/api/v2/trace/463ac35c9f6413ae"),
      .script("another trace", on: "zipkin", send("463ac35c9f6413af")),
      .document("coming-from-jaeger.md"),
      .script(
        "that was imported, too",
        "curl --silent --output /dev/null http://localhost:9411/api/v2/trace/463ac35c9f6413af"),
      .script("a trace in a damaged store", on: "zipkin", send("463ac35c9f6413b0")),
      .script(
        "the damaged store",
        """
        scp zipkin:.local/state/kuma-trace/traces.db damaged.db
        scp zipkin:.local/state/kuma-trace/traces.db-wal damaged.db-wal
        """),
      .document("trace-store.md"),
      .script(
        "the trace was saved", "curl --silent --output /dev/null http://localhost:9411/api/v2/trace/463ac35c9f6413b0"),
    ])

  private static let fromKuma = DocumentSession(
    name: "from Kuma",
    parts: [
      strictly,
      .script(
        "a control plane plays Kuma's",
        """
        mkdir kuma
        kuma-cp run --work-dir kuma --no-collector >/var/log/kuma.log 2>&1 &
        python3 -m http.server 8080 --bind 127.0.0.1 >/var/log/web.log 2>&1 &
        \(wait(for: "5680/ready"))
        kumactl config control-planes add --name kuma --address http://localhost:5681
        cat >web.yaml <<'END'
        type: Dataplane
        mesh: default
        name: web-1
        networking:
          address: 127.0.0.1
          inbound:
          - port: 10080
            servicePort: 8080
            tags:
              kuma.io/service: web
              kuma.io/protocol: http
        END
        kumactl apply -f - <<'END'
        type: Mesh
        name: default
        tracing:
          defaultBackend: zipkin
          backends:
          - name: zipkin
            type: zipkin
            conf:
              url: http://localhost:9411/api/v2/spans
        ---
        type: TrafficTrace
        name: trace-all-traffic
        mesh: default
        selectors:
        - match:
            kuma.io/service: '*'
        END
        """),
      .document("coming-from-kuma.md"),
      .script(
        "a trace at the new control plane",
        """
        for attempt in $(seq 400); do
          curl --silent --output /dev/null http://localhost:10080/ || true
          ! curl --silent 'http://localhost:9411/api/v2/traces?serviceName=web' | grep --quiet traceId || exit 0
          sleep 0.05
        done
        kumactl inspect dataplanes
        exit 1
        """),
    ])

  private static let upgrade = DocumentSession(
    name: "an installation and its upgrade", units: ["kuma-cp.service", "kuma-dp@.service", "kuma-trace.sysusers"],
    installed: ["kuma-dp", "kumactl"],
    checkout: [
      "kuma-trace-9.9.9-linux-x86_64/bin/kuma-cp": "kuma-cp", "kuma-cp.service": "kuma-cp.service",
      "kuma-dp@.service": "kuma-dp@.service", "kuma-trace.sysusers": "kuma-trace.sysusers",
    ],
    parts: [
      .script(
        "an installed control plane",
        """
        install -D kuma-trace-*/bin/kuma-cp /usr/local/bin/kuma-cp
        cp kuma-cp.service kuma-dp@.service /etc/systemd/system/
        install -D --mode 644 kuma-trace.sysusers /etc/sysusers.d/kuma-trace.conf
        systemd-sysusers /etc/sysusers.d/kuma-trace.conf
        mkdir --parents /etc/kuma /var/backups
        printf 'general:\\n  workDir: /var/lib/kuma\\n' >/etc/kuma/kuma-cp.yaml
        systemctl start kuma-cp.service
        \(wait(for: "5680/ready"))
        echo '{type: Mesh, name: shop}' | kumactl apply -f -
        mkdir --parents ~/envoy/lib/python3/site-packages/envoy/_bin
        cd ~/envoy/lib/python3/site-packages/envoy/_bin
        printf '#!/bin/sh\\nexec /media/programs/envoy "$@"\\n' >envoy
        chmod 755 envoy
        """),
      .document("install.md"),
      .script(
        "the proxy is connected",
        """
        for attempt in $(seq 400); do
          ! kumactl inspect dataplanes | grep 'web-1.*Online' || exit 0
          sleep 0.05
        done
        exit 1
        """),
      .document("upgrade.md"),
      .script(
        "the mesh is there, and in the backup",
        """
        kumactl get mesh shop
        kuma-cp restore /var/backups/kuma-before.tar --work-dir /root/restored
        """),
    ])
}
