import Testing

@testable import TransparentProxy

/// The rules as text, without any program.
@Suite struct RedirectRulesTests {
  /// What Kuma 2.7 prints with `--dry-run` for its default settings.
  @Test("the rules are Kuma's, in Kuma's order")
  func defaults() {
    #expect(
      RedirectRules(RedirectSettings(user: 5678), family: .ipv4).text() == """
        * nat
        -N KUMA_MESH_INBOUND
        -N KUMA_MESH_OUTBOUND
        -N KUMA_MESH_INBOUND_REDIRECT
        -N KUMA_MESH_OUTBOUND_REDIRECT
        -A PREROUTING -p tcp -j KUMA_MESH_INBOUND
        -A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND
        -A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT
        -A KUMA_MESH_OUTBOUND -s 127.0.0.6/32 -o lo -j RETURN
        -A KUMA_MESH_OUTBOUND -p tcp -o lo ! -d 127.0.0.1/32 -m owner --uid-owner 5678 -j KUMA_MESH_INBOUND_REDIRECT
        -A KUMA_MESH_OUTBOUND -p tcp -o lo -m owner ! --uid-owner 5678 -j RETURN
        -A KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 -j RETURN
        -A KUMA_MESH_OUTBOUND -d 127.0.0.1/32 -j RETURN
        -A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT
        -A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006
        -A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001
        COMMIT

        """)
  }

  @Test("with long names the rules stand under headings, as Kuma prints them")
  func long() {
    let settings = RedirectSettings(
      user: 0, excludedInboundPorts: [1000],
      exclusions: [UserExclusion(transport: .tcp, ports: [53...53, 3000...5000], users: 106...108)])
    #expect(
      RedirectRules(settings, family: .ipv6).text(isVerbose: true) == """
        * nat

        # Custom Chains:
        --new-chain KUMA_MESH_INBOUND
        --new-chain KUMA_MESH_OUTBOUND
        --new-chain KUMA_MESH_INBOUND_REDIRECT
        --new-chain KUMA_MESH_OUTBOUND_REDIRECT

        # Rules:
        --append PREROUTING --protocol tcp --jump KUMA_MESH_INBOUND
        --insert OUTPUT 1 --match multiport --protocol tcp --destination-port 53,3000:5000 --match owner --uid-owner 106:108 \
        --match comment --comment "kuma/mesh/transparent/proxy" --jump RETURN
        --append OUTPUT --protocol tcp --jump KUMA_MESH_OUTBOUND
        --append KUMA_MESH_INBOUND --protocol tcp --destination-port 1000 --jump RETURN
        --append KUMA_MESH_INBOUND --protocol tcp --jump KUMA_MESH_INBOUND_REDIRECT
        --append KUMA_MESH_OUTBOUND --source ::6/128 --out-interface lo --jump RETURN
        --append KUMA_MESH_OUTBOUND --protocol tcp --out-interface lo ! --destination ::1/128 --match owner --uid-owner 0 \
        --jump KUMA_MESH_INBOUND_REDIRECT
        --append KUMA_MESH_OUTBOUND --protocol tcp --out-interface lo --match owner ! --uid-owner 0 --jump RETURN
        --append KUMA_MESH_OUTBOUND --match owner --uid-owner 0 --jump RETURN
        --append KUMA_MESH_OUTBOUND --destination ::1/128 --jump RETURN
        --append KUMA_MESH_OUTBOUND --jump KUMA_MESH_OUTBOUND_REDIRECT
        --append KUMA_MESH_INBOUND_REDIRECT --protocol tcp --jump REDIRECT --to-ports 15006
        --append KUMA_MESH_OUTBOUND_REDIRECT --protocol tcp --jump REDIRECT --to-ports 15001

        COMMIT

        """)
  }

  @Test("more than 15 ports of an exclusion make several rules, and a range counts twice")
  func manyPorts() {
    let ports = (1...14).map { UInt16($0)...UInt16($0) } + [100...200, 300...300]
    let settings = RedirectSettings(
      user: 5678, exclusions: [UserExclusion(transport: .udp, ports: ports, users: 7...7)])
    let lines = RedirectRules(settings, family: .ipv4).text().split(separator: "\n")
      .filter { $0.contains("multiport") }.map { String($0.prefix { $0 != "w" }) }
    #expect(
      lines == [
        "-I OUTPUT 1 -m multiport -p udp --dport 1,2,3,4,5,6,7,8,9,10,11,12,13,14 -m o",
        "-I OUTPUT 2 -m multiport -p udp --dport 100:200,300 -m o",
      ])
  }

  struct Exclusion: Sendable, CustomTestStringConvertible {
    var text: String
    var rules: [String]
    var testDescription: String { text }
  }

  @Test(
    "exclusions for users have Kuma's form",
    arguments: [
      Exclusion(text: "123", rules: ["-p tcp --dport 1:65535 123", "-p udp --dport 1:65535 123"]),
      Exclusion(text: "*:*:0", rules: ["-p tcp --dport 1:65535 0", "-p udp --dport 1:65535 0"]),
      Exclusion(text: "tcp:*:0", rules: ["-p tcp --dport 1:65535 0"]),
      Exclusion(text: "tcp::5", rules: ["-p tcp --dport 1:65535 5"]),
      Exclusion(
        text: "53,3000-5000:106-108",
        rules: ["-p tcp --dport 53,3000:5000 106:108", "-p udp --dport 53,3000:5000 106:108"]),
      Exclusion(
        text: " UDP , tcp : 1 : 4294967294 ", rules: ["-p udp --dport 1 4294967294", "-p tcp --dport 1 4294967294"]),
    ])
  func exclusions(_ exclusion: Exclusion) throws {
    let settings = RedirectSettings(user: 5678, exclusions: try UserExclusion.parse(exclusion.text))
    let rules = RedirectRules(settings, family: .ipv4).text().split(separator: "\n").filter { $0.contains("multiport") }
    #expect(
      rules.map(String.init)
        == exclusion.rules.enumerated().map { index, rule in
          let end = rule.lastIndex(of: " ") ?? rule.endIndex
          return "-I OUTPUT \(index + 1) -m multiport \(rule[..<end]) -m owner --uid-owner\(rule[end...]) "
            + "-m comment --comment \"kuma/mesh/transparent/proxy\" -j RETURN"
        })
  }

  @Test(
    "wrong exclusions are refused in Kuma's words",
    arguments: [
      ("a3000-5000:1", "values or range 'a3000-5000' failed validation: value 'a3000', is not valid uint16"),
      ("http:3000-5000:1", "protocol 'http' is invalid or unsupported"),
      ("tcp,http:1:1", "protocol 'http' is invalid or unsupported"),
      ("3000-5000:1:*", "can't use wildcard '*' for uids"),
      ("tcp:1:1,2,3", "uid entry invalid:'1,2,3', it should either be a single item or a range"),
      ("tcp:70000:1", "values or range '70000' failed validation: value '70000', is not valid uint16"),
      ("tcp:1:4294967295", "uid entry invalid:'4294967295', the highest uid is 4294967294"),
      ("1-4294967295", "uid entry invalid:'1-4294967295', the highest uid is 4294967294"),
      ("tcp:1:-1", "values or range '-1' failed validation: value '', is not valid uint32"),
      ("tcp:9-2:1", "values or range '9-2' failed validation: '9-2' is not a range; write 1000-2000"),
      ("1:2:3:4", "value: '1:2:3:4' is invalid - format for excluding ports by uids <protocol:>?<ports:>?uids"),
      ("", "values or range '' failed validation: value '', is not valid uint32"),
    ])
  func wrongExclusions(text: String, message: String) {
    let error = #expect(throws: RedirectValueError.self) { try UserExclusion.parse(text) }
    #expect(error?.description == message)
  }

  @Test("ports are read from a list, and an empty one stands for none")
  func ports() throws {
    #expect(try RedirectSettings.ports("") == [])
    #expect(try RedirectSettings.ports("  ") == [])
    #expect(try RedirectSettings.ports("22, 443") == [22, 443])
    for wrong in ["22,", "-1", "+1", "65536", "ssh", "22;443", "٢"] {
      #expect(throws: RedirectValueError.self, "\(wrong)") { try RedirectSettings.ports(wrong) }
    }
  }

  @Test("of the rules of a machine only the proxy's are found")
  func installed() {
    let saved = """
      # Generated by iptables-save
      *filter
      :INPUT ACCEPT [0:0]
      -A INPUT -j KUMA_MESH_INBOUND
      COMMIT
      *nat
      :PREROUTING ACCEPT [0:0]
      :OUTPUT ACCEPT [0:0]
      :DOCKER - [0:0]
      :KUMA_MESH_INBOUND - [0:0]
      :KUMA_MESH_OUTBOUND_REDIRECT - [0:0]
      -A PREROUTING -p tcp -j KUMA_MESH_INBOUND
      -A PREROUTING -p tcp -m comment --comment KUMA_MESH_INBOUND -j DOCKER
      -A OUTPUT -p tcp -m multiport --dports 1 -m owner --uid-owner 5 -m comment --comment "kuma/mesh/transparent/proxy" -j RETURN
      -A OUTPUT -p tcp -m multiport --dports 1 -m owner --uid-owner 5 -j RETURN
      -A KUMA_MESH_INBOUND -p tcp -j RETURN
      COMMIT
      """
    let exclusion =
      "OUTPUT -p tcp -m multiport --dports 1 -m owner --uid-owner 5 -m comment --comment \"kuma/mesh/transparent/proxy\" "
      + "-j RETURN"
    let installed = InstalledRules(saved: saved)
    #expect(!installed.isEmpty && !installed.isAlone)
    #expect(
      installed.removal == [
        "-D PREROUTING -p tcp -j KUMA_MESH_INBOUND", "-D \(exclusion)", "-F KUMA_MESH_INBOUND",
        "-F KUMA_MESH_OUTBOUND_REDIRECT", "-X KUMA_MESH_INBOUND", "-X KUMA_MESH_OUTBOUND_REDIRECT",
      ])
    #expect(
      installed.restoration == [
        "-N KUMA_MESH_INBOUND", "-N KUMA_MESH_OUTBOUND_REDIRECT", "-A KUMA_MESH_INBOUND -p tcp -j RETURN",
        "-A PREROUTING -p tcp -j KUMA_MESH_INBOUND", "-I OUTPUT 1 \(exclusion.dropFirst(7))",
      ])
    #expect(InstalledRules(saved: "*nat\n:OUTPUT ACCEPT [0:0]\nCOMMIT").isEmpty)
  }
}
