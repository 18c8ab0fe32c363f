import Foundation

/// Says what is wrong with the command line, and ends.
func refuse(_ problem: String) -> Never {
  say("benchmarks: \(problem)")
  say("usage: Benchmarks/run [--quick] [--proxies N,N] [NAME...]")
  for benchmark in Benchmark.all {
    say("  \(benchmark.name.padding(toLength: 12, withPad: " ", startingAt: 0))\(benchmark.summary)")
  }
  exit(2)
}

var isQuick = false
var folder = FileManager.default.temporaryDirectory
var kumactl: URL?
var fleetSizes: [Int] = []
var project = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
var chosen: [String] = []
var words = CommandLine.arguments.dropFirst()
while let word = words.popFirst() {
  switch word {
  case "--quick": isQuick = true
  case "--folder":
    guard let path = words.popFirst() else { refuse("--folder needs a path") }
    folder = URL(fileURLWithPath: path)
  case "--proxies":
    fleetSizes = (words.popFirst() ?? "").split(separator: ",").compactMap { Int($0) }
    if fleetSizes.isEmpty { refuse("--proxies needs numbers, such as 250,1000") }
  case "--project":
    guard let path = words.popFirst() else { refuse("--project needs a path") }
    project = URL(fileURLWithPath: path)
  case "--kumactl":
    guard let path = words.popFirst() else { refuse("--kumactl needs a path") }
    kumactl = URL(fileURLWithPath: path)
  case _ where Benchmark.all.contains(where: { $0.name == word }): chosen.append(word)
  case "--help", "-h": refuse("each prints a value, its baseline and how many times better it is")
  default: refuse("there is no benchmark or option \(word)")
  }
}

var load = [0.0]
_ = getloadavg(&load, 1)
say("\(ProcessInfo.processInfo.activeProcessorCount) processors, load \(Unit.short(load[0])) at the start")

let own = folder.appending(path: "run-\(UUID().uuidString)")
var rows: [ResultRow] = []
var hasFailed = false
do {
  try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
  for benchmark in Benchmark.all where chosen.isEmpty || chosen.contains(benchmark.name) {
    say("running \(benchmark.name): \(benchmark.summary)")
    let context = BenchmarkContext(
      isQuick: isQuick, folder: own, project: project, kumactl: kumactl, fleetSizes: fleetSizes)
    do { rows += try await benchmark.run(context) } catch {
      say("benchmarks: \(benchmark.name) failed: \(error)")
      hasFailed = true
    }
  }
} catch {
  say("benchmarks: the folder \(own.path) cannot be made: \(error)")
  hasFailed = true
}
try? FileManager.default.removeItem(at: own)
guard !rows.isEmpty else {
  say("benchmarks: nothing was measured")
  exit(1)
}
print(rows.table)
print("\nMedians of rounds in which value and baseline take turns. RATIO is above 1 where the value is the better one.")
exit(hasFailed ? 1 : 0)
