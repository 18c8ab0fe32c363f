import MeshHTTP
import MeshModel
import MeshPolicy
import ProxyEvidence
import TracingDiagnosis

extension TracingDiagnoses {
  /// What is remembered of a proxy.
  struct Remembered {
    var memory = DiagnosisMemory()
    /// The configuration that was outstanding at the last look: how many had been sent then, and since when.
    var outstanding: (sent: UInt64, value: DiagnosisInput.Outstanding)?

    /// The last diagnosis, when and of what.
    var last: (diagnosis: Diagnosis, time: Timestamp, basis: Basis)?

    /// Notes what is outstanding. What is sent and answered beside does not make it younger.
    mutating func note(outstanding: (sent: UInt64, value: DiagnosisInput.Outstanding)?) -> DiagnosisInput.Outstanding? {
      var new = outstanding
      if let known = self.outstanding, let outstanding, known.sent == outstanding.sent,
        known.value.discovery == outstanding.value.discovery, known.value.since < outstanding.value.since
      {
        new?.value.since = known.value.since
      }
      self.outstanding = new
      return new?.value
    }
  }

  /// What decides whether a diagnosis still holds, beside the time.
  struct Basis: Equatable {
    var revision: Int
    var connection: ProxyConnection
    var evidence: Timestamp?
    var stored: Timestamp?
  }

  /// What the collector says of services, which is read for all of them at once.
  struct CollectorState {
    var time: Timestamp
    var retention: DiagnosisInput.Retention?
    var programs: [String: [DiagnosisInput.Program]] = [:]
    var broken: [String: String] = [:]
  }

  struct MeshState {
    var decided = DecidedMesh()
    var remembered: [String: Remembered] = [:]
    /// The last answer about all proxies.
    var whole: MeshTracing?
    /// Reports that Envoys have lost since this control plane heard of them.
    var lostReports = 0
    /// Whether a proxy is connected to another control plane, and when that was read.
    var others: (value: Bool, time: Timestamp)?

    /// Counts reports that the Envoy of a proxy has lost since the look before.
    mutating func countLost(_ reports: Int) { lostReports = EvidenceLimits.sum(lostReports, reports) }
  }
}
