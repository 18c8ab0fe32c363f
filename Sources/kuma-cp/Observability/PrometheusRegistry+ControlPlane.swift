import MeshControl
import MeshModel
import MeshPolicy
import MeshTransport
import MeshXDS
import ProgramLog
import PrometheusMetrics

extension PrometheusRegistry {
  /// Registers the metrics of configurations and of their delivery to proxies.
  func read(
    _ reconciler: Reconciler, _ sessions: ProxySessions, _ translator: EnvoyTranslator, _ server: DataplaneServer
  ) {
    read("kuma_xds_requests_delayed_total", .counter, "Requests that waited because their stream sent too many.") {
      server.delayedRequests
    }
    read("kuma_store_changes_total", .counter, "Written or deleted resources that were applied.") {
      await reconciler.counters.changes
    }
    read("kuma_xds_configurations_computed_total", .counter, "Proxy configurations computed.") {
      await reconciler.counters.computed
    }
    read(
      "kuma_xds_snapshots_published_total", .counter, "Changed proxy configurations that were handed to proxies."
    ) { await reconciler.counters.published }
    read("kuma_xds_shared_resources_encoded_total", .counter, "Resources shared by proxies that were encoded.") {
      translator.sharedEncodings
    }
    read("kuma_xds_responses_total", .counter, "Responses to proxies, by result.") {
      let responses = sessions.counts.total
      return [
        .init(responses.responsesSent, [("result", "sent")]),
        .init(responses.responsesAcknowledged, [("result", "acknowledged")]),
        .init(responses.responsesRejected, [("result", "rejected")]),
      ]
    }
    read("kuma_xds_streams", .gauge, "Discovery streams open.") { server.streamCount }
    readRefusedStreams(of: server)
    read("kuma_dataplanes_connected", .gauge, "Proxies connected.") { await reconciler.connectedCount }
    read(
      "kuma_proxies_envoy_advice", .gauge,
      "Proxies connected, by what is known of security fixes that were published after the version of their Envoy."
    ) {
      let counts = await reconciler.envoyAdvice
      return [
        .init(counts[.fixesPublished] ?? 0, [("state", "fixes_published")]),
        .init(counts[.noneKnown] ?? 0, [("state", "none_known")]),
        .init(counts[.unknown] ?? 0, [("state", "unknown")]),
      ]
    }
    read(
      "kuma_xds_proxies_with_withdrawn_collectors", .gauge,
      "Proxies that keep the cluster of a withdrawn collector until their listeners have drained."
    ) { await reconciler.withdrawnCount }
  }

  /// Registers the metrics of the forms of reports.
  func read(_ forms: ReportFormSelector) {
    read(
      "kuma_tracing_proxies", .gauge,
      "Connected proxies that report to Zipkin backends, by format and by who chose it: the user, or apiVersion auto."
    ) {
      [("json", TracingDestination.ZipkinFormat.json), ("protobuf", .protobuf)].flatMap { name, format in
        [("user", false), ("auto", true)].map { chooser, isAutomatic in
          .init(forms.count(format, isAutomatic: isAutomatic), [("format", name), ("chosen_by", chooser)])
        }
      }
    }
    read("kuma_tracing_receivers", .gauge, "Receivers of spans that are asked who they are.") { forms.receivers.count }
    read("kuma_tracing_receivers_limit", .gauge, "Limit of the receivers that are asked.") { forms.receivers.limit }
  }

  /// Registers the metrics of this process.
  ///
  /// - Parameter lines: the lines that it writes to the log.
  func readProcess(_ lines: LogLines) {
    read("process_cpu_seconds_total", .counter, "Processor time used, in seconds.") {
      [.init(ProcessUsage.cpuSeconds)]
    }
    read("process_resident_memory_bytes", .gauge, "Memory resident, in bytes.") { ProcessUsage.residentBytes }
    read(
      "kuma_log_lines_unlogged_total", .counter,
      "Lines that were not written to the log: more of a sentence, or of a level, than are written in a minute."
    ) { lines.unlogged }
    read("process_open_fds", .gauge, "Open file descriptors.") { ProcessUsage.openFiles }
    read("process_max_fds", .gauge, "Maximum number of open file descriptors.") { ProcessUsage.openFileLimit }
  }
}
