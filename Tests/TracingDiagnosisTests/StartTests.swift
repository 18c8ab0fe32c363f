import MeshModel
import MeshPolicy
import Testing
import TracingDiagnosis

/// What is said of proxies that are not connected while they, or the control plane, may just be starting.
@Suite struct StartTests {
  /// A proxy that has never connected.
  ///
  /// - Parameters:
  ///   - created: when its Dataplane was created.
  ///   - awaited: since when proxies can connect to the control plane.
  private static func absent(created: Double?, awaited: Double? = nil) -> Scene {
    var scene = Scene()
    (scene.status, scene.history) = (.neverConnected, nil)
    scene.change = { input in
      input.created = created.map(Scene.time)
      input.awaited = awaited.map(Scene.time)
    }
    return scene
  }

  private static func isWaiting(_ verdict: Verdict) -> Bool {
    verdict.cause == .noneExpected && verdict.level == .waiting && !verdict.evidence.isEmpty
  }

  @Test("a Dataplane that was just created has a proxy that starts, and within the limit one that has never connected")
  func created() throws {
    let scene = Self.absent(created: 100)
    for seconds in [100, 103, 107.5] { #expect(try Self.isWaiting(scene.diagnosis(at: seconds).verdict)) }
    let early = try scene.diagnosis(at: 103).verdict
    #expect(
      early.evidence.map(\.text) == ["Its Dataplane was created 3 seconds ago; its proxy has not connected yet."])
    let limit = Double(try #require(Cause.neverConnected.limit))
    let late = try scene.diagnosis(at: 100 + limit - 1).verdict
    #expect(late.cause == .neverConnected && late.since == Scene.time(100))
    // A store whose clock is ahead does not hide it for long.
    #expect(try Self.absent(created: 4_000).diagnosis(at: 100).verdict.cause == .neverConnected)
    #expect(try Self.absent(created: nil).diagnosis(at: 100).verdict.cause == .neverConnected)
  }

  @Test("a Dataplane that is deleted and created again begins anew") func again() throws {
    var memory = DiagnosisMemory()
    func verdict(created: Double, at seconds: Double) throws -> Verdict {
      diagnose(try Self.absent(created: created).input(at: seconds), memory: &memory).verdict
    }
    #expect(try verdict(created: 0, at: 50).cause == .neverConnected)
    #expect(try Self.isWaiting(verdict(created: 60, at: 62)))
    let late = try verdict(created: 60, at: 69)
    #expect(late.cause == .neverConnected && late.since == Scene.time(60))
  }

  @Test("a control plane that has just started waits for proxies as long as Envoys wait between attempts")
  func newControlPlane() throws {
    var scene = Scene()
    scene.history = nil
    (scene.status, scene.disconnected) = (.offline, 12)
    #expect(try scene.diagnosis(at: 101).verdict.cause == .proxyOffline)
    scene.change = { $0.awaited = Scene.time(100) }
    let absent = Self.absent(created: 0, awaited: 100)
    for seconds in [100.0, 110, 130] {
      for scene in [scene, absent] { #expect(try Self.isWaiting(scene.diagnosis(at: seconds).verdict)) }
    }
    #expect(
      try absent.diagnosis(at: 110).verdict.evidence.map(\.text)
        == ["This control plane started 10 seconds ago; proxies that run connect to it within 36 seconds."])
    #expect(try scene.diagnosis(at: 137).verdict.cause == .proxyOffline)
    #expect(try absent.diagnosis(at: 137).verdict.cause == .neverConnected)
    // What was created since has the time of any Dataplane.
    #expect(try Self.absent(created: 101, awaited: 100).diagnosis(at: 110).verdict.cause == .neverConnected)
  }
}
