import CFuzzing
import Glibc
import Synchronization

/// The fuzzing of the target that the command line names.
enum FuzzRun {
  /// The most that an input has cost so far.
  private struct Costs: Sendable {
    var memory = 0
    var allocations = 0
    var output = 0
    var microseconds = 0
  }

  private static let costs = Mutex(Costs())
  private static let named: FuzzTarget? = {
    let program = CommandLine.arguments.first?.split(separator: "/").last.map(String.init)
    return FuzzTarget.all.first { $0.name == program }
  }()

  /// Whether the program has the name of a target.
  static var isNamedByProgram: Bool { named != nil }

  /// The target that the name of the program or the first argument names; `nil` if none does.
  static let target: FuzzTarget? = {
    let argument = CommandLine.arguments.dropFirst().first
    return named ?? FuzzTarget.all.first { $0.name == argument }
  }()

  /// Reads one input, and compares what it cost with the bounds.
  static func take(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let target else { return }
    let input = Array(bytes)
    kuma_fuzz_reset_allocations()
    let began = processorTime()
    let output = target.read(input)
    var microseconds = processorTime() - began
    let memory = Int(kuma_fuzz_peak_bytes())
    let allocations = Int(kuma_fuzz_allocations())
    let count = input.count
    let bounds = target.bounds
    // Where machines share processors, the time of others may be counted as this program's. What is slow is slow each time.
    for _ in 0..<2 where !bounds.microseconds.holds(microseconds, for: count) {
      let began = processorTime()
      _ = target.read(input)
      microseconds = min(microseconds, processorTime() - began)
    }
    costs.withLock { costs in
      costs.memory = max(costs.memory, memory)
      costs.allocations = max(costs.allocations, allocations)
      costs.output = max(costs.output, output)
      costs.microseconds = max(costs.microseconds, microseconds)
    }
    require(bounds.memory.holds(memory, for: count), "\(count) bytes of input took \(memory) bytes of memory")
    require(
      bounds.allocations.holds(allocations, for: count), "\(count) bytes of input took \(allocations) allocations")
    require(bounds.output.holds(output, for: count), "\(count) bytes of input gave \(output) of the target's units")
    require(
      bounds.microseconds.holds(microseconds, for: count),
      "\(target.name): \(count) bytes of input took \(microseconds / 1_000) ms of processor time; at most "
        + "\(bounds.microseconds.value(for: count) / 1_000) ms are allowed")
  }

  /// The processor time of all threads of the program, in microseconds. It stands still while the program waits for a processor.
  private static func processorTime() -> Int {
    var time = timespec()
    guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else {
      fatalError("there is no clock for processor time")
    }
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
  }

  /// Prints the most that an input has cost.
  static func report() {
    let costs = costs.withLock { $0 }
    print("stat::input_peak_bytes: \(costs.memory)")
    print("stat::input_allocations: \(costs.allocations)")
    print("stat::input_output: \(costs.output)")
    print("stat::input_microseconds: \(costs.microseconds)")
  }
}
