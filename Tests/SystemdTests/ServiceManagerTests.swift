import Glibc
import TestSupport
import Testing

@testable import Systemd

@Suite("What a service manager is told")
struct ServiceManagerTests {
  @Test(
    "readiness, status, signs of life and the end arrive at a socket with a path, and at one without",
    arguments: [true, false])
  func told(hasPath: Bool) throws {
    let folder = try TemporaryFolder()
    let socket = try NotificationSocket(
      hasPath ? folder.file("notify") : "@kuma-trace-\(getpid())-\(UInt64.random(in: 0 ... .max))")
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": socket.address])
    #expect(manager.listens && manager.problems.isEmpty)
    #expect(manager.tellReady(status: "serves\n2 proxies") == nil)
    #expect(socket.next() == "READY=1\nSTATUS=serves 2 proxies")
    #expect(manager.tell(status: "waits") == nil)
    #expect(socket.next() == "STATUS=waits")
    #expect(manager.tellAlive() == nil)
    #expect(socket.next() == "WATCHDOG=1")
    #expect(manager.tellStopping(status: String(repeating: "x", count: 1_000)) == nil)
    #expect(socket.next()?.utf8.count == "STOPPING=1\nSTATUS=".utf8.count + 400)
    #expect(socket.next() == nil)
  }

  @Test("without a service manager nothing is told, and one that has gone is reported")
  func nobody() throws {
    let none = ServiceManager(environment: [:])
    #expect(!none.listens && none.tellAlive() == nil && none.watchdogInterval == nil)
    let folder = try TemporaryFolder()
    let gone = ServiceManager(environment: ["NOTIFY_SOCKET": folder.file("gone")])
    #expect(
      gone.tellAlive()
        == "the service manager cannot be told at \(folder.file("gone")), NOTIFY_SOCKET: sendto: No such file or "
        + "directory")
  }

  @Test("the interval of the watchdog is read, for this process alone")
  func interval() {
    func manager(_ more: [String: String]) -> ServiceManager {
      ServiceManager(environment: ["NOTIFY_SOCKET": "@x"].merging(more) { $1 }, process: 7)
    }
    #expect(manager(["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"]).watchdogInterval == .seconds(60))
    #expect(manager(["WATCHDOG_USEC": "60000000"]).watchdogInterval == .seconds(60))
    let other = manager(["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"])
    #expect(other.watchdogInterval == nil && other.problems.isEmpty)
    let short = manager(["WATCHDOG_USEC": "5"])
    #expect(short.watchdogInterval == ServiceManager.shortestInterval && short.problems.count == 1)
  }

  @Test(
    "a value that is odd is reported, and not used",
    arguments: [
      ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "-1"], ["WATCHDOG_USEC": "abc"], ["WATCHDOG_USEC": "1e6"],
      ["WATCHDOG_USEC": "99999999999999999999"], ["WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "me"],
      ["NOTIFY_SOCKET": "notify"], ["NOTIFY_SOCKET": "/"], ["NOTIFY_SOCKET": "vsock:2:1234"],
      ["NOTIFY_SOCKET": "/" + String(repeating: "x", count: 200)],
    ])
  func odd(variables: [String: String]) {
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": "@x"].merging(variables) { $1 })
    #expect(manager.problems.count == 1)
    #expect(variables.keys.contains { manager.problems[0].contains($0) }, "the variable is named")
    #expect(manager.watchdogInterval == nil)
    #expect(manager.listens == (variables["NOTIFY_SOCKET"] == nil))
  }

  @Test("a watchdog without a socket is reported")
  func deafWatchdog() {
    #expect(ServiceManager(environment: ["WATCHDOG_USEC": "60000000"]).problems.count == 1)
  }
}
