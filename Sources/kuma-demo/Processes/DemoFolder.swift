import Foundation
import SystemErrors

/// The demo's own folder: the control plane's work directory, the documents and every program's log.
struct DemoFolder: Sendable {
  let path: String

  /// The folder that the control plane works in.
  var controlPlane: String { path + "/control-plane" }
  /// The folder for temporary files of the programs.
  var temporary: String { path + "/tmp" }
  /// The configuration of kumactl, so that the user's own stays as it is.
  var kumactlConfiguration: String { path + "/kumactl.yaml" }

  /// Makes a folder that only this user can read.
  ///
  /// - Throws: ``DemoFailure`` when it cannot be made.
  init() throws(DemoFailure) {
    let parent = ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
    var template = Array("\(parent)/kuma-demo.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw DemoFailure("no folder can be made in \(parent): \(SystemError.last)")
    }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    do {
      for folder in [controlPlane, temporary] {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      }
    } catch {
      throw DemoFailure("the folder \(path) cannot be written: \(error)")
    }
    for (name, bytes) in Self.documents { try write(name, bytes) }
  }

  /// Writes a file of the folder.
  ///
  /// - Throws: ``DemoFailure`` when it cannot be written.
  func write(_ text: String, to name: String) throws(DemoFailure) { try write(name, Array(text.utf8)) }

  /// The documents by their names.
  private static let documents: [(name: String, bytes: [UInt8])] = [
    ("dataplane.yaml", PackageResources.dataplane_yaml), ("mesh.yaml", PackageResources.mesh_yaml),
    ("kubernetes-mesh.yaml", PackageResources.kubernetes_mesh_yaml),
    ("kubernetes-traffic-trace.yaml", PackageResources.kubernetes_traffic_trace_yaml),
    ("traffic-trace.yaml", PackageResources.traffic_trace_yaml),
    ("traffic-trace-as-documented.yaml", PackageResources.traffic_trace_as_documented_yaml),
  ]

  /// A file of the folder.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The text of a file of the folder.
  ///
  /// - Throws: ``DemoFailure`` when it cannot be read.
  func text(of name: String) throws(DemoFailure) -> String {
    guard let data = FileManager.default.contents(atPath: file(name)) else {
      throw DemoFailure("\(file(name)) cannot be read")
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// The log of a program.
  func log(_ program: String) -> String { "\(path)/\(program).log" }

  /// The last lines of a program's log.
  func lastLines(of program: String, limit: Int = 8) -> [String] {
    guard let handle = FileHandle(forReadingAtPath: log(program)) else { return [] }
    defer { try? handle.close() }
    // What a few lines need; a log may be long.
    let size = (try? handle.seekToEnd()) ?? 0
    try? handle.seek(toOffset: size > 16_384 ? size - 16_384 : 0)
    let text = String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
    return text.split(separator: "\n").suffix(limit).map(String.init)
  }

  /// Removes everything.
  func remove() { try? FileManager.default.removeItem(atPath: path) }

  private func write(_ name: String, _ bytes: [UInt8]) throws(DemoFailure) {
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    } catch {
      throw DemoFailure("\(file(name)) cannot be written: \(error)")
    }
  }
}
