import Glibc
import SystemErrors

/// Namespaces of a running process that a child enters before it becomes its program. Needs the rights of root.
///
/// Source: setns(2). Where the namespace of processes is among them, the kernel kills the child when the first process of
/// that namespace ends, also when the child has changed its user, which ends the bond to its parent.
public struct ProcessNamespaces: Sendable {
  /// What is shared with that process.
  public enum Kind: Sendable, CaseIterable {
    /// Interfaces, addresses, routes, rules of iptables.
    case network
    /// The host's name.
    case names
    /// The file systems. The working directory becomes `/`, where none is given.
    case mounts
    /// The numbers of processes: those that the children of that process have.
    case processes

    var file: String {
      switch self {
      case .network: "net"
      case .names: "uts"
      case .mounts: "mnt"
      case .processes: "pid_for_children"
      }
    }
  }

  /// The process whose namespaces are entered.
  public var process: Int32
  /// Which of them.
  public var kinds: Set<Kind>

  /// Names the namespaces of a process; all of them without further words.
  public init(of process: Int32, _ kinds: Set<Kind> = Set(Kind.allCases)) {
    self.process = process
    self.kinds = kinds
  }
}

/// The files of namespaces, open in this process until the child has entered them.
struct OpenNamespaces: ~Copyable {
  private var descriptors: [ProcessNamespaces.Kind: Int32] = [:]

  init(_ namespaces: ProcessNamespaces?, executable: String) throws(SpawnError) {
    guard let namespaces else { return }
    for kind in namespaces.kinds {
      let path = "/proc/\(namespaces.process)/ns/\(kind.file)"
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else {
        throw SpawnError(
          code: .noNamespace, message: "\(executable) cannot be started: \(path) cannot be opened: \(SystemError.last)",
          errorNumber: errno)
      }
      descriptors[kind] = descriptor
    }
  }

  deinit { for descriptor in descriptors.values { close(descriptor) } }

  /// The descriptor of a namespace; -1 for this process's own.
  subscript(kind: ProcessNamespaces.Kind) -> Int32 { descriptors[kind] ?? -1 }
}
