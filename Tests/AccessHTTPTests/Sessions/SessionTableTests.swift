import Testing

@testable import AccessHTTP

@Suite struct SessionTableTests {
  private let start = ContinuousClock.now

  @Test("A session is found by its id alone, until it is closed")
  func lifeOfASession() throws {
    var table = SessionTable()
    let (id, session) = table.open(token: "token", name: "ada", at: start)
    #expect(id.text.utf8.count == 43)
    #expect(session.forgeryGuard.text != id.text)
    #expect(table.find(id, at: start)?.token == "token")
    #expect(table.find(session.forgeryGuard, at: start) == nil)
    #expect(table.find(.random(), at: start) == nil)
    table.close(id)
    #expect(table.find(id, at: start) == nil)
    #expect(table.count == 0)
  }

  @Test("A session ends when it is not used, and after its longest time in any case")
  func ends() {
    var limits = SessionTable.Limits()
    (limits.idle, limits.age) = (.seconds(10), .seconds(25))
    var table = SessionTable(limits: limits)
    let (idle, _) = table.open(token: "token", name: "ada", at: start)
    let (used, _) = table.open(token: "token", name: "ada", at: start)
    for second in [9, 18] { #expect(table.find(used, at: start + .seconds(second)) != nil) }
    #expect(table.find(idle, at: start + .seconds(18)) == nil)
    #expect(table.find(used, at: start + .seconds(24)) != nil)
    #expect(table.find(used, at: start + .seconds(25)) == nil)
    #expect(table.count == 0)
  }

  @Test("One user's sessions beyond the bound end that user's oldest one, and no session of others")
  func boundOfAUser() {
    var limits = SessionTable.Limits()
    limits.sessionsPerUser = 3
    var table = SessionTable(limits: limits)
    let (other, _) = table.open(token: "b", name: "ben", at: start)
    let own = (1...10).map { table.open(token: "a", name: "ada", at: start + .seconds($0)).id }
    #expect(table.count == 4)
    #expect(table.find(other, at: start + .seconds(11)) != nil)
    #expect(own.map { table.find($0, at: start + .seconds(11)) != nil }.suffix(4) == [false, true, true, true])
  }

  @Test("All sessions beyond the bound end the one that was not used for the longest time")
  func boundOfAll() {
    var limits = SessionTable.Limits()
    limits.sessions = 5
    var table = SessionTable(limits: limits)
    let ids = (0..<5).map { table.open(token: "t", name: "user \($0)", at: start + .seconds($0)).id }
    #expect(table.find(ids[0], at: start + .seconds(10)) != nil)
    let (new, _) = table.open(token: "t", name: "user 5", at: start + .seconds(11))
    #expect(table.count == 5)
    #expect(table.find(new, at: start + .seconds(12)) != nil)
    #expect(ids.map { table.find($0, at: start + .seconds(12)) != nil } == [true, false, true, true, true])
  }

  @Test("Secrets are different each time, and only texts of their form are read")
  func secrets() {
    #expect(Set((0..<1_000).map { _ in SessionSecret.random().text }).count == 1_000)
    let text = SessionSecret.random().text
    #expect(SessionSecret(text)?.hash == SessionSecret(text)?.hash)
    for wrong in ["", "\(text)A", String(text.dropLast()), "\(text.dropLast())=", "\(text.dropLast()) "] {
      #expect(SessionSecret(wrong) == nil, "\(wrong)")
    }
  }
}

@Suite struct SignInAttemptsTests {
  private let start = ContinuousClock.now

  @Test("After ten failures an address has to wait, and gets one attempt back every six seconds")
  func burst() {
    var attempts = SignInAttempts()
    for _ in 0..<10 {
      #expect(attempts.wait(of: "192.0.2.1", at: start) == nil)
      attempts.failed("192.0.2.1", at: start)
    }
    #expect(attempts.wait(of: "192.0.2.1", at: start) == 7)
    #expect(attempts.wait(of: "192.0.2.2", at: start) == nil)
    #expect(attempts.wait(of: "192.0.2.1", at: start + .seconds(6)) == nil)
    attempts.failed("192.0.2.1", at: start + .seconds(6))
    #expect(attempts.wait(of: "192.0.2.1", at: start + .seconds(7)) != nil)
    #expect(attempts.wait(of: "192.0.2.1", at: start + .seconds(100)) == nil)
  }

  @Test("The addresses of one IPv6 network count together")
  func networks() {
    var attempts = SignInAttempts()
    for host in 0..<10 { attempts.failed("2001:db8::1:\(host)", at: start) }
    #expect(attempts.wait(of: "2001:db8::ffff:9", at: start) != nil)
    #expect(attempts.wait(of: "2001:db8:0:1::9", at: start) == nil)
  }

  @Test("The number of addresses is bounded")
  func addresses() {
    var attempts = SignInAttempts()
    for number in 0..<5_000 { attempts.failed("10.0.\(number / 256).\(number % 256)", at: start) }
    #expect(attempts.count <= SignInAttempts.addressesAtMost)
  }
}
