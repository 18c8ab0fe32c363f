/// The script that makes the mounts of a container and becomes its program.
///
/// It runs in the namespaces of the pod, in a namespace of mounts of its own. All file systems of the machine are read-only in
/// it; `/tmp`, `/var/tmp` and `/run` are empty ones in memory. What has to be mounted at a path that this machine does not have
/// gets a layer in memory over the nearest folder that exists.
enum ContainerScript {
  /// The folders that are empty and in memory.
  private static let inMemory = ["/tmp", "/var/tmp", "/run", "/var/run"]

  /// Writes the script.
  ///
  /// - Parameters:
  ///   - memory: where the pod's file system in memory is.
  ///   - files: files that are mounted besides, such as `/etc/hosts`, by their paths, with their sources.
  static func text(_ plan: ContainerPlan, image: ContainerImage, memory: String, files: [String: String]) -> String {
    let own = "\(memory)/containers/\(plan.name)"
    var lines = [prelude(own)]
    // Sources first, as they may lie in a folder that is about to be hidden.
    let programs = image.files.sorted { $0.key < $1.key }
    for (index, file) in programs.enumerated() { lines.append("keep \(index) \(quoted(file.value))") }
    for path in programs.map(\.key) + files.keys.sorted() where !isInMemory(path) {
      lines.append("point_file \(quoted(path))")
    }
    for mount in plan.mounts where !isInMemory(mount.path) {
      lines.append("point_volume \(quoted(source(mount, memory))) \(quoted(mount.path))")
    }
    lines.append("machine_read_only")
    lines.append("in_memory 1777 /tmp; in_memory 1777 /var/tmp; in_memory 755 /run")
    for (index, file) in programs.enumerated() {
      lines.append("file \(quoted(file.key)); mount --bind \(own)/kept/\(index) \(quoted(file.key))")
    }
    for (path, source) in files.sorted(by: { $0.key < $1.key }) {
      lines.append("file \(quoted(path)); mount --bind \(quoted(source)) \(quoted(path))")
    }
    // A mount below another one comes after it.
    for mount in plan.mounts.sorted(by: { $0.path < $1.path }) { lines.append(volume(mount, memory: memory)) }
    if plan.isRootReadOnly {
      for folder in ["/tmp", "/var/tmp", "/run"] where !plan.mounts.contains(where: { $0.path == folder }) {
        lines.append("mount -o remount,bind,ro \(folder)")
      }
    }
    lines.append("mount -t proc proc /proc")
    lines.append("cd \(quoted(plan.directory)); : >\(memory)/\(readyFile(plan.name))")
    lines.append("exec \(program(plan).map(quoted).joined(separator: " "))")
    return lines.joined(separator: "\n")
  }

  /// The file in the pod's file system in memory that says that the mounts of a container are made.
  static func readyFile(_ name: String) -> String { "containers/\(name)/ready" }

  private static func isInMemory(_ path: String) -> Bool {
    inMemory.contains { path == $0 || path.hasPrefix("\($0)/") }
  }

  /// The functions of the script.
  private static func prelude(_ own: String) -> String {
    """
    own=\(quoted(own)); layers=0
    rm -rf "$own"; mkdir -p "$own/kept"
    keep() { : >"$own/kept/$1"; mount --bind "$2" "$own/kept/$1"; }
    layer() {
      folder=$1
      until [ -d "$folder" ]; do folder=${folder%/*}; done
      if [ -z "$folder" ]; then echo "nothing can be mounted at $1: this machine has no such folder" >&2; exit 128; fi
      layers=$((layers + 1)); mkdir -p "$own/$layers/upper" "$own/$layers/work"
      mount -t overlay -o "lowerdir=$folder,upperdir=$own/$layers/upper,workdir=$own/$layers/work" overlay "$folder"
    }
    file() { mkdir -p "${1%/*}"; [ -e "$1" ] || : >"$1"; }
    point_file() { [ -e "$1" ] || { layer "$1"; file "$1"; }; }
    point_volume() { if [ -f "$1" ]; then point_file "$2"; elif [ ! -e "$2" ]; then layer "$2"; mkdir -p "$2"; fi; }
    in_memory() { [ ! -d "$2" ] || mount -t tmpfs -o "mode=$1" tmpfs "$2"; }
    machine_read_only() {
      while read -r _ point _; do
        point=$(printf %b "$point")
        case "$point" in
          /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | \(PodSandbox.memory) | \(PodSandbox.memory)/*) ;;
          *) mount -o remount,bind,ro "$point" 2>/dev/null || [ "$point" != / ] ;;
        esac
      done </proc/mounts
    }
    """
  }

  private static func source(_ mount: ContainerPlan.Mount, _ memory: String) -> String {
    "\(memory)/volumes/\(mount.volume)" + (mount.subPath.isEmpty ? "" : "/\(mount.subPath)")
  }

  private static func volume(_ mount: ContainerPlan.Mount, memory: String) -> String {
    let (from, to) = (quoted(source(mount, memory)), quoted(mount.path))
    let point = "if [ -f \(from) ]; then file \(to); else mkdir -p \(from) \(to); fi; mount --bind \(from) \(to)"
    return mount.isReadOnly ? "\(point); mount -o remount,bind,ro \(to)" : point
  }

  /// The program with what sets its user, its rights and its environment.
  static func program(_ plan: ContainerPlan) -> [String] {
    var words = ["setpriv", "--reuid", "\(plan.user)", "--regid", "\(plan.group)"]
    words +=
      plan.supplementaryGroups.isEmpty
      ? ["--clear-groups"] : ["--groups", plan.supplementaryGroups.map(String.init).joined(separator: ",")]
    words += ["--inh-caps", "-all"]
    if plan.capabilities != ["all"] {
      words += ["--bounding-set", (["-all"] + plan.capabilities.map { "+\($0)" }).joined(separator: ",")]
    }
    if !plan.canGainPrivileges { words.append("--no-new-privs") }
    words += ["--", "env", "-i"]
    words += plan.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return words + plan.command
  }

  /// A word of the shell.
  static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: #"'\''"#))'" }
}
