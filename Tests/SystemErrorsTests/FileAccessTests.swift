import Dispatch
import Foundation
import Synchronization
import SystemErrors
import Testing

@Suite("Writing a file as a whole") struct FileAccessTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "files-\(UUID().uuidString)")

  private func path(_ name: String) throws -> String {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder.appending(path: name).path(percentEncoded: false)
  }

  @Test("replaces a regular file") func regular() throws {
    let path = try path("config")
    defer { try? FileManager.default.removeItem(at: folder) }
    for text in ["one, which is longer", "two"] {
      try FileAccess.write(Array(text.utf8), to: path).get()
      #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }
  }

  @Test("takes several writers at once, and decides who can read the file") func writers() throws {
    let path = try path("key")
    defer { try? FileManager.default.removeItem(at: folder) }
    try "old".write(toFile: path, atomically: true, encoding: .utf8)
    let failures = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 16) { _ in
      if case .failure = FileAccess.write(Array("new".utf8), to: path) { failures.withLock { $0 += 1 } }
    }
    #expect(failures.withLock { $0 } == 0)
    func mode(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    #expect(try mode(path) == 0o600)
    let open = try self.path("certificate")
    try "like others".write(toFile: self.path("config"), atomically: true, encoding: .utf8)
    try FileAccess.write(Array("new".utf8), to: open, mode: 0o644).get()
    #expect(try mode(open) == mode(self.path("config")))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names == ["certificate", "config", "key"])
  }

  @Test("writes to a pipe, which stays one, as /dev/null has to") func pipe() throws {
    let path = try path("pipe")
    defer { try? FileManager.default.removeItem(at: folder) }
    try #require(mkfifo(path, 0o600) == 0)
    // Open for both, it waits for nobody.
    let pipe = open(path, O_RDWR)
    defer { close(pipe) }
    try FileAccess.write(Array("text".utf8), to: path).get()
    var status = stat()
    try #require(stat(path, &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFIFO)
    var bytes = [UInt8](repeating: 0, count: 4)
    #expect(read(pipe, &bytes, 4) == 4)
    #expect(String(decoding: bytes, as: UTF8.self) == "text")
  }
}
