import EnvoyInspection
import HTTPService
import KubernetesAPI
import Logging
import MeshControl
import MeshHTTP
import MeshKubernetes
import ProgramSettings
import ServiceLifecycle

/// What a control plane does for its cluster beside configuring proxies: it answers the API server's questions about writes,
/// and, while it leads, makes the first mesh and says in each object what has become of it.
struct ClusterDuties: Sendable {
  let admission: AdmissionServer
  /// Makes proxies of pods.
  private let pods: PodController
  /// What has to run, in the order of start.
  let services: [any Service]

  init(
    of cluster: ClusterConnection, _ configuration: ControlPlaneConfiguration, injection: InjectorSettings,
    reconciler: Reconciler, administration: EnvoyAdministrationClient, preview: WritePreview, connections: Int,
    budgets: RequestBudgets, ports: BoundPorts, logger: Logger
  ) {
    let settings = configuration.kubernetes
    let podEvents = EventRecorder(
      client: cluster.client, component: "k8s.kuma.io/dataplane-generator", instance: cluster.election.identity,
      isBusy: true, logger: logger)
    var planning = PodPlan.Settings()
    planning.conversion.zone = configuration.zone
    planning.conversion.ignoredServiceSelectorLabels = settings.injection.ignoredServiceSelectorLabels
    planning.conversion.nodeLabelsToCopy = settings.injection.nodeLabelsToCopy
    pods = PodController(
      cluster, settings: planning, reconciler: reconciler, events: podEvents,
      worker: PodWorker(client: cluster.client, store: cluster.store, administration: administration), logger: logger)
    var serving = AdmissionServer.Settings()
    serving.host = settings.admissionAddress
    serving.port = settings.admissionPort
    serving.certificateFolder = settings.admissionCertificateFolder
    serving.systemNamespace = settings.systemNamespace
    serving.serviceName = settings.controlPlaneServiceName
    serving.injection = injection
    serving.setsOwnerReferences = !settings.skipMeshOwnerReference
    serving.connections = connections
    serving.requestLogLevel = configuration.requestLogLevel
    admission = AdmissionServer(
      serving, client: cluster.client, preview: preview,
      namespaces: NamespaceLookup(client: cluster.client, replica: pods.namespaces),
      isLeader: { [election = cluster.election] in election.isLeader },
      budgets: budgets, ports: ports, logger: logger)
    let events = EventRecorder(
      client: cluster.client, component: "kuma-control-plane", instance: cluster.election.identity, logger: logger)
    var services = admission.services
    services.append(
      EnvoyAdminAuthority(client: cluster.client, namespace: settings.systemNamespace, logger: logger) {
        administration.use($1)
        await reconciler.use(adminAccess: $0)
      })
    services += [
      podEvents, pods, events, StatusWriter(cluster, events: events, reconciler: reconciler, logger: logger),
    ]
    if !configuration.skipMeshCreation {
      services.append(FirstMesh(store: cluster.store, election: cluster.election, logger: logger))
    }
    self.services = services
  }

  /// Why the cluster cannot use this control plane; empty if it can.
  func obstacles() -> [String] { [admission.obstacle(), pods.obstacle()].compactMap { $0 } }

  /// What does not work although the cluster can use this control plane; `nil` if everything works.
  func remark() -> String? { pods.remark() }
}
