{{- define "name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- /* Names the release in the whole cluster. */ -}}
{{- define "id" -}}
{{ .Release.Namespace }}.{{ include "name" . }}
{{- end -}}

{{- /* The label instance of the target. */ -}}
{{- define "instance" -}}
{{ .Release.Namespace }}/{{ include "name" . }}
{{- end -}}

{{- /* The directory of the dashboards and alerts in the language, beside the English ones. */ -}}
{{- define "translation" -}}
{{- if ne .Values.language "en" }}{{ .Values.language }}/{{ end -}}
{{- end -}}

{{- define "selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Names the files of an enterprise. A name that is no good file name becomes a hash. */ -}}
{{- define "file" -}}
{{- if regexMatch "^[A-Za-z0-9][A-Za-z0-9._-]*$" . -}}
{{ . }}
{{- else -}}
{{ sha256sum . | trunc 16 }}
{{- end -}}
{{- end -}}

{{- /* The file of --config.file. */ -}}
{{- define "enterprises" -}}
{{- $entries := list }}
{{- range .Values.enterprises }}
{{- $file := include "file" .name }}
{{- $entry := dict "storage_path" (printf "/var/lib/huaweicloud_meeting_exporter/ledger-%s.db" $file) }}
{{- $_ := set $entry (hasKey . "account" | ternary "password_file" "app_key_file") (printf "/etc/huaweicloud_meeting_exporter/secrets/%s" $file) }}
{{- range $key, $value := omit . "secret" "maxRequestsPerMinute" }}
{{- $_ := set $entry (snakecase $key) $value }}
{{- end }}
{{- with .maxRequestsPerMinute }}
{{- $_ := set $entry "max_requests_per_minute" (int .) }}
{{- end }}
{{- $entries = append $entries $entry }}
{{- end }}
{{- toYaml (dict "enterprises" $entries) }}
{{- end -}}

{{- /* Pages may need a password, which probes cannot send: they only test the port. */ -}}
{{- define "probe" -}}
{{- if .root.Values.webConfig.secretName -}}
tcpSocket:
  port: metrics
{{- else -}}
httpGet:
  path: {{ .path }}
  port: metrics
{{- end -}}
{{- end -}}
