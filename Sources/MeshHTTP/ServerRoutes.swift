import HTTPService
import HTTPTypes
import MeshAccess
import MeshModel

/// Routes that describe the control plane.
struct ServerRoutes: Sendable {
  let context: APIContext

  var routes: [Route] {
    [
      Route(.get, "/", "Says who answers.", handler: index),
      Route(.get, "/config", "Shows the effective configuration.", handler: config),
      Route(.get, "/versions", "Shows which Envoy goes with which kuma-dp.", handler: versions),
      Route(.get, "/policies", "Lists the kinds of policies.", handler: policies),
      Route(.get, "/who-am-i", "Says who the client is taken for.", handler: whoAmI),
    ]
  }

  private func index(_ request: RoutedRequest) -> Answer {
    let configuration = context.configuration
    return .json([
      "hostname": .string(configuration.hostname), "tagline": "Kuma", "product": "Kuma",
      "version": .string(configuration.version), "instanceId": .string(configuration.instanceId),
      "clusterId": .string(configuration.clusterId()), "gui": .string(GuideRoute.path),
    ])
  }

  private func config(_ request: RoutedRequest) -> Answer { .json(context.configuration.effective) }

  private func versions(_ request: RoutedRequest) -> Answer { .json(context.configuration.versions) }

  private func policies(_ request: RoutedRequest) -> Answer {
    let policy: DocumentValue = [
      "name": "TrafficTrace", "readOnly": .bool(context.configuration.isReadOnly),
      "path": .string(ResourceType.trafficTrace.pathSegment), "singularDisplayName": "Traffic Trace",
      "pluralDisplayName": "Traffic Traces", "isExperimental": false, "isTargetRefBased": false, "isInbound": false,
      "isOutbound": false,
    ]
    return .json(["policies": .array([policy])])
  }

  /// Where nobody asks who is there, everyone is the administrator.
  private func whoAmI(_ request: RoutedRequest) -> Answer {
    let user =
      request.caller.name.isEmpty
      ? User.admin : User(name: request.caller.name, groups: Set(request.caller.groups))
    return .json(["name": .string(user.name), "groups": .array(user.groups.sorted().map { .string($0) })])
  }
}
