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
    let output = target.read(input)
    let memory = Int(kuma_fuzz_peak_bytes())
    let allocations = Int(kuma_fuzz_allocations())
    costs.withLock { costs in
      costs.memory = max(costs.memory, memory)
      costs.allocations = max(costs.allocations, allocations)
      costs.output = max(costs.output, output)
    }
    let count = input.count
    let bounds = target.bounds
    require(bounds.memory.holds(memory, for: count), "\(count) bytes of input took \(memory) bytes of memory")
    require(
      bounds.allocations.holds(allocations, for: count), "\(count) bytes of input took \(allocations) allocations")
    require(bounds.output.holds(output, for: count), "\(count) bytes of input gave \(output) of the target's units")
  }

  /// Prints the most that an input has cost.
  static func report() {
    let costs = costs.withLock { $0 }
    print("stat::input_peak_bytes: \(costs.memory)")
    print("stat::input_allocations: \(costs.allocations)")
    print("stat::input_output: \(costs.output)")
  }
}
