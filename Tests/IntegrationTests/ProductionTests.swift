import Documents
import Foundation
import MeshTestSupport
import ProcessSupervisor
import TestSupport
import Testing

/// What docs/production.md tells an operator to type, typed on four machines with a real PostgreSQL.
@Suite("docs/production.md", .fewAtATime, .inNetworkNamespaces, .timeLimit(.minutes(60)))
struct ProductionTests {
  /// The files of `deploy/systemd` that the document uses.
  private static let units = ["kuma-cp.service", "kuma-cp.socket", "kuma-dp@.service", "kuma-trace.sysusers"]

  /// What else the machines need, and the package that has it; nil when nothing is missing.
  private static let missing: String? = {
    let programs = [
      ("pg_createcluster", "postgresql"), ("openssl", "openssl"), ("python3", "python3"),
      ("systemd-sysusers", "systemd"),
    ]
    for (program, package) in programs where ChildProcess.find(program, path: "/usr/bin:/bin") == nil {
      return "there is no program \(program); install Debian's package \(package)"
    }
    return TestPrograms.envoyProgram == nil ? "there is no Envoy; Scripts/setup installs one" : nil
  }()

  /// What has to be so when the document has been followed.
  private static let checks = [
    DocumentMachines.Step(
      machine: "cp", line: "the earlier key and the earlier token for spans go",
      script: """
        kumactl delete secret trace-ingest-token-default-1 --mesh default
        kumactl delete secret dataplane-token-signing-key-default-1 --mesh default
        kumactl generate dataplane-token --mesh default --name web-1 --valid-for 720h >/root/web-1.token
        """),
    DocumentMachines.Step(
      machine: "web", line: "a token of the new key", script: "scp cp:/root/web-1.token /etc/kuma/"),
    DocumentMachines.Step(
      machine: "here", line: "a trace over HTTPS, with a token",
      script: """
        cd ~/kuma
        for attempt in $(seq 600); do
          curl --silent --output /dev/null http://web:10080/after-all
          curl --silent --cacert kuma-cp.crt --header "Authorization: Bearer $(cat alice.token)" \\
            'https://cp:9411/api/v2/traces?serviceName=web&limit=1000' | grep --quiet '/after-all' && exit
          sleep 0.1
        done
        exit 1
        """),
    DocumentMachines.Step(
      machine: "here", line: "the proxy is connected, with its new token",
      script: """
        for attempt in $(seq 600); do
          kumactl inspect dataplanes | grep 'web-1.*Online' && exit
          sleep 0.1
        done
        kumactl inspect dataplanes
        exit 1
        """),
    DocumentMachines.Step(
      machine: "db", line: "every connection to the database is encrypted",
      script: """
        test "$(runuser -u postgres -- psql -Atc \\
          "SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'kuma'")" = '2|t'
        """),
    DocumentMachines.Step(
      machine: "cp", line: "the database refuses who does not use TLS",
      script: """
        export $(cat /etc/kuma/kuma-cp.env)
        export PGPASSWORD="$KUMA_STORE_POSTGRES_PASSWORD"
        psql "host=db user=kuma dbname=kuma sslmode=require" -c 'SELECT 1'
        if psql "host=db user=kuma dbname=kuma sslmode=disable" -c 'SELECT 1'; then exit 1; fi
        """),
    DocumentMachines.Step(
      machine: "cp", line: "the log has the reasons of refusals, and no token and no password",
      script: """
        journalctl -u kuma-cp >/root/log
        grep --quiet 'refused access' /root/log
        for file in alice.token web-1.token web-1.old; do cat /root/$file; echo; done >/root/secret
        cut -d = -f 2 /etc/kuma/kuma-cp.env >>/root/secret
        for secret in $(tr '.' '\\n' </root/secret | grep '.\\{40\\}'); do
          if grep --quiet --fixed-strings -- "$secret" /root/log; then exit 1; fi
        done
        """),
  ]

  @Test(
    "leads from empty machines to a trace, with TLS and tokens on every way",
    .enabled(if: Self.missing == nil, "\(Self.missing ?? "")"))
  func followed() async throws {
    let machines = DocumentMachines(
      machines: ["here": "192.0.2.10", "db": "192.0.2.1", "cp": "192.0.2.2", "web": "192.0.2.3"],
      programs: try DocumentMachines.released().merging(DocumentMachines.units(Self.units)) { $1 },
      checkout: [
        ".build/images/kuma-cp/kuma-cp": "kuma-cp", ".build/images/kuma-init/kumactl": "kumactl",
        ".build/images/kuma-dp/kuma-dp": "kuma-dp", ".build/images/kuma-dp/envoy": "envoy",
      ].merging(Self.units.map { ("deploy/systemd/\($0)", $0) }) { $1 },
      steps: try DocumentMachines.steps(of: "production.md") + Self.checks)
    // Every step of the document was there.
    #expect(try await machines.follow().count >= 19 + Self.checks.count)
  }
}
