import CFuzzing
import Glibc

// kuma-fuzz TARGET [OPTION…] [FOLDER…]: fuzzes one target with libFuzzer, whose options and folders follow. A link to the program that is
// named after a target fuzzes that target: the library starts the program anew by its name when it merges folders.
guard let target = FuzzRun.target else {
  let names = FuzzTarget.all.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n")
  let isAsked = CommandLine.arguments.dropFirst().first == "--list"
  let text =
    isAsked
    ? FuzzTarget.all.map(\.name).joined(separator: "\n") : "usage: kuma-fuzz TARGET [OPTION…] [FOLDER…]\n\(names)"
  print(text)
  exit(isAsked ? 0 : 2)
}
guard kuma_fuzz_use_signal_stack() == 0 else { fatalError("the stack for signal handlers cannot be set") }
// What is made once, such as tables of Foundation, is not the cost of an input.
for _ in 0..<2 { for sample in target.samples { _ = target.read(sample) } }
atexit { FuzzRun.report() }

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
if !FuzzRun.isNamedByProgram, let whole = arguments {
  whole[1] = whole[0]
  arguments = whole + 1
  count -= 1
}
exit(
  kuma_fuzz_run(&count, &arguments) { bytes, count in
    FuzzRun.take(UnsafeBufferPointer(start: bytes, count: count))
    return 0
  })
