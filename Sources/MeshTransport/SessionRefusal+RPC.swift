import GRPCCore
import MeshXDS

extension SessionRefusal.Code {
  /// The gRPC status.
  var rpcCode: RPCError.Code {
    switch self {
    case .invalidArgument: .invalidArgument
    case .notFound: .notFound
    case .unauthenticated: .unauthenticated
    case .permissionDenied: .permissionDenied
    case .resourceExhausted: .resourceExhausted
    case .unavailable: .unavailable
    case .unimplemented: .unimplemented
    case .deadlineExceeded: .deadlineExceeded
    }
  }
}

extension SessionRefusal {
  /// The protocol was violated.
  init(_ failure: DiscoveryStreamStateMachine.Failure) {
    switch failure.code {
    case .invalidArgument: self.init(code: .invalidArgument, message: failure.message)
    case .resourceExhausted: self.init(code: .resourceExhausted, message: failure.message)
    }
  }
}
