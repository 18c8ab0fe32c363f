import Glibc

/// The script that makes the mounts of a container and becomes its program.
///
/// It runs in the namespaces of the pod, in a namespace of mounts of its own. The root directory is this machine's with a layer in
/// memory above it, so what a container writes stays its own and goes with it. `/tmp`, `/var/tmp` and `/run` are empty; other file
/// systems of the machine are read-only.
enum ContainerScript {
  /// Writes the script.
  ///
  /// - Parameters:
  ///   - memory: where the pod's file system in memory is.
  ///   - files: files that are mounted besides, such as `/etc/hosts`, by their paths, with their sources.
  static func text(_ plan: ContainerPlan, image: ContainerImage, memory: String, files: [String: String]) -> String {
    let old = PodSandbox.memory
    var lines = [prelude("\(memory)/containers/\(plan.name)")]
    let programs = image.files.mapValues(resolved)
    for (path, source) in programs.merging(files, uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
      lines.append("put \(quoted(old + source)) \(quoted(path))")
    }
    // A mount below another one comes after it.
    for mount in plan.mounts.sorted(by: { $0.path < $1.path }) {
      let source = "\(old)\(memory)/volumes/\(mount.volume)" + (mount.subPath.isEmpty ? "" : "/\(mount.subPath)")
      if !mount.subPath.isEmpty { lines.append("[ -e \(quoted(source)) ] || mkdir -p \(quoted(source))") }
      lines.append("put \(quoted(source)) \(quoted(mount.path))")
      if mount.isReadOnly { lines.append("mount -o remount,bind,ro \(quoted(mount.path))") }
    }
    lines.append("mkdir -p \(quoted(plan.directory)); umount -l \(old)")
    if plan.isRootReadOnly {
      for folder in ["/", "/tmp", "/var/tmp", "/run"] where !plan.mounts.contains(where: { $0.path == folder }) {
        lines.append("mount -o remount,bind,ro \(folder)")
      }
    }
    lines.append("cd \(quoted(plan.directory)); echo ready >&9; exec 9>&-")
    lines.append("exec \(program(plan).map(quoted).joined(separator: " "))")
    return lines.joined(separator: "\n")
  }

  /// The file in the pod's file system in memory that has a line when the mounts of a container are made.
  static func readyFile(_ name: String) -> String { "containers/\(name)/ready" }

  /// Changes to the new root directory, and defines the function that mounts a file or a folder there. The old root is in the
  /// folder of the memory until all mounts are made: only so do links such as `/var/run` lead to where they do in the container.
  private static func prelude(_ own: String) -> String {
    let old = PodSandbox.memory
    return """
      own=\(quoted(own))
      rm -rf "$own"; mkdir -p "$own/upper" "$own/work" "$own/root"
      exec 9>"$own/ready"
      mount -t overlay -o "lowerdir=/,upperdir=$own/upper,workdir=$own/work" overlay "$own/root"
      cd "$own/root"; pivot_root . .\(old); cd /
      mount -t proc proc /proc
      mount --rbind \(old)/dev /dev
      mount --rbind \(old)/sys /sys
      while read -r _ point _; do
        point=$(printf %b "$point")
        case "$point" in \(old)/*) point=${point#\(old)} ;; *) continue ;; esac
        case "$point" in
          /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /run | /run/* | /tmp | /tmp/*) ;;
          \(old) | \(old)/*) ;;
          *) if [ -e "$point" ]; then mount --bind "\(old)$point" "$point"; mount -o remount,bind,ro "$point"; fi ;;
        esac
      done </proc/mounts
      for folder in /tmp /var/tmp /run; do mkdir -p "$folder"; mount -t tmpfs -o mode=1777 tmpfs "$folder"; done
      put() {
        if [ -f "$1" ]; then
          [ -e "$2" ] || { mkdir -p "${2%/*}"; : >"$2"; }
        else
          mkdir -p "$2"
        fi
        mount --bind "$1" "$2"
      }
      """
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

  /// The path without symbolic links, which would lead elsewhere from the new root.
  private static func resolved(_ path: String) -> String {
    guard let pointer = realpath(path, nil) else { return path }
    defer { free(pointer) }
    return String(cString: pointer)
  }

  /// A word of the shell.
  static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: #"'\''"#))'" }
}
