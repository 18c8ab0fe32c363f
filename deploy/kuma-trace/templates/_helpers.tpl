{{/* The labels of every object, by which pods are found, too. They are Kuma's, and never change. */}}
{{- define "kuma-trace.labels" -}}
app: kuma-control-plane
app.kubernetes.io/name: kuma
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* An image ("image"), with its registry and tag, which may be those of all images ("root"). */}}
{{- define "kuma-trace.image" -}}
{{- $image := .image -}}
{{- $registry := default .root.Values.global.image.registry $image.registry -}}
{{- $tag := coalesce $image.tag .root.Values.global.image.tag .root.Chart.AppVersion -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end }}{{ $image.repository }}:{{ $tag }}
{{- end -}}

{{/* What the API server has to know to call the admission server, all but the path. */}}
{{- define "kuma-trace.webhookService" -}}
name: {{ .Values.controlPlane.service.name | quote }}
namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{/* Objects in kube-system are not checked, so that nothing of the cluster itself waits for the control plane. */}}
{{- define "kuma-trace.webhookNamespaces" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: [kube-system]
{{- end -}}

{{/* The settings of the control plane by their variables. Those in controlPlane.envVars go before them. */}}
{{- define "kuma-trace.environment" -}}
KUMA_ENVIRONMENT: kubernetes
KUMA_STORE_TYPE: kubernetes
KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE: {{ .Release.Namespace | quote }}
KUMA_MULTIZONE_ZONE_NAME: {{ .Values.controlPlane.zone | quote }}
KUMA_DEFAULTS_SKIP_MESH_CREATION: {{ .Values.controlPlane.defaults.skipMeshCreation | quote }}
KUMA_GENERAL_WORK_DIR: /var/lib/kuma
# Without TLS, the API is for `kubectl port-forward`.
KUMA_API_SERVER_HTTP_INTERFACE: {{ .Values.controlPlane.apiServer.interface | quote }}
KUMA_API_SERVER_HTTPS_ENABLED: {{ .Values.controlPlane.apiServer.https.enabled | quote }}
{{- if .Values.controlPlane.apiServer.https.enabled }}
KUMA_API_SERVER_HTTPS_INTERFACE: 0.0.0.0
{{- end }}
{{- with .Values.controlPlane.tls.apiServer }}
{{- if .secretName }}
KUMA_API_SERVER_HTTPS_TLS_CERT_FILE: /var/run/secrets/kuma.io/api-server-tls-cert/tls.crt
KUMA_API_SERVER_HTTPS_TLS_KEY_FILE: /var/run/secrets/kuma.io/api-server-tls-cert/tls.key
{{- end }}
{{- if .clientCertsSecretName }}
KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: /var/run/secrets/kuma.io/api-server-client-certs
{{- end }}
{{- end }}
KUMA_DP_SERVER_INTERFACE: 0.0.0.0
KUMA_DIAGNOSTICS_SERVER_INTERFACE: 0.0.0.0
KUMA_DIAGNOSTICS_OPEN_METRICS: {{ .Values.controlPlane.diagnostics.openMetrics | quote }}
KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_ADDRESS: 0.0.0.0
KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_PORT: "5443"
KUMA_RUNTIME_KUBERNETES_CONTROL_PLANE_SERVICE_NAME: {{ .Values.controlPlane.service.name | quote }}
KUMA_RUNTIME_KUBERNETES_SKIP_MESH_OWNER_REFERENCE: {{ not .Values.controlPlane.admission.ownerReferences | quote }}
KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_IMAGE: {{ include "kuma-trace.image" (dict "image" .Values.dataPlane.image "root" $) | quote }}
KUMA_INJECTOR_INIT_CONTAINER_IMAGE: {{ include "kuma-trace.image" (dict "image" .Values.dataPlane.initImage "root" $) | quote }}
{{- with .Values.controlPlane.tls.general }}
{{- if .secretName }}
KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_CERT_DIR: /var/run/secrets/kuma.io/tls-cert
KUMA_GENERAL_TLS_CERT_FILE: /var/run/secrets/kuma.io/tls-cert/tls.crt
KUMA_GENERAL_TLS_KEY_FILE: /var/run/secrets/kuma.io/tls-cert/tls.key
# The authority that proxies in pods trust. Without a Secret, that is the certificate that the control plane makes.
KUMA_RUNTIME_KUBERNETES_INJECTOR_CA_CERT_FILE: /var/run/secrets/kuma.io/{{ if .caBundle }}tls-ca{{ else }}tls-cert{{ end }}/ca.crt
{{- end }}
{{- end }}
KUMA_COLLECTOR_ENABLED: {{ .Values.controlPlane.collector.enabled | quote }}
{{- if .Values.controlPlane.collector.enabled }}
KUMA_COLLECTOR_ZIPKIN_INTERFACE: 0.0.0.0
KUMA_COLLECTOR_OTLP_INTERFACE: 0.0.0.0
KUMA_COLLECTOR_RETENTION_MAX_SIZE: {{ .Values.controlPlane.collector.maxSize | quote }}
{{- end }}
KUMA_LOG_LEVEL: {{ .Values.controlPlane.logLevel | quote }}
KUMA_LOG_FORMAT: {{ .Values.controlPlane.logFormat | quote }}
{{- end -}}
