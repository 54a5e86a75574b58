package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const chart = root + "/deploy/helm/huaweicloud-meeting-exporter"

// The least that an installation needs.
const least = `
args: [--huaweicloud.app-id=demo]
secret: {name: mine}
`

// configurations are values for the chart.
var configurations = map[string]string{
	"least": least,
	"all that can be switched on": `
args: [--huaweicloud.app-id=demo, "--log.format=json"]
secret: {value: demo-app-key}
imagePullSecrets: [{name: pull}]
env: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
persistence: {storageClass: fast, size: 2Gi}
webConfig: {secretName: web}
service: {type: NodePort, annotations: {a: b}}
serviceMonitor:
  enabled: true
  labels: {release: prometheus}
  scrapeNativeHistograms: true
  endpoint:
    scheme: https
    tlsConfig: {ca: {secret: {name: web, key: ca.pem}}}
    basicAuth: {username: {name: scraper, key: username}, password: {name: scraper, key: password}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
dashboards: {enabled: true, annotations: {folder: Meetings}}
podLabels: {a: b}
podAnnotations: {a: b}
nodeSelector: {disk: ssd}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {}}
volumes: [{name: ca, configMap: {name: ca}}]
volumeMounts: [{name: ca, mountPath: /ca}]
`,
	"nothing kept": `
args: [--huaweicloud.account=somebody]
secret: {name: mine, key: password}
persistence: {enabled: false}
`,
	"a claim of one's own": least + `
persistence: {existingClaim: mine}
`,
}

// helm runs helm and returns its output; what it warns of goes elsewhere.
func helm(t *testing.T, values string, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	write(t, file, values)
	var said, failed bytes.Buffer
	cmd := exec.Command(tool(t, "helm"), append(args, "--values="+file)...)
	cmd.Stdout, cmd.Stderr = &said, &failed
	if err := cmd.Run(); err != nil {
		return "", errors.New(failed.String() + said.String())
	}
	return said.String(), nil
}

// manifests are the objects that the chart makes, by kind.
type manifests map[string][]any

// render decodes what the chart makes of values. A field that Kubernetes does
// not know fails the test.
func render(t *testing.T, values string) manifests {
	t.Helper()
	text, err := helm(t, values, "template", "meetings", chart, "--namespace=observed")
	if err != nil {
		t.Fatal(err)
	}
	objects := manifests{}
	for _, document := range strings.Split("\n"+text, "\n---\n") {
		document += "\n" // which may be of a text
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		var object any
		switch head.APIVersion + " " + head.Kind {
		case " ":
			continue
		case "apps/v1 Deployment":
			object = &apps.Deployment{}
		case "v1 Service":
			object = &core.Service{}
		case "v1 ServiceAccount":
			object = &core.ServiceAccount{}
		case "v1 Secret":
			object = &core.Secret{}
		case "v1 ConfigMap":
			object = &core.ConfigMap{}
		case "v1 PersistentVolumeClaim":
			object = &core.PersistentVolumeClaim{}
		case "monitoring.coreos.com/v1 ServiceMonitor":
			object = &monitoring.ServiceMonitor{}
		case "monitoring.coreos.com/v1 PrometheusRule":
			object = &monitoring.PrometheusRule{}
		default:
			t.Fatalf("unexpected %s %s", head.APIVersion, head.Kind)
		}
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Errorf("%s: %v", head.Kind, err)
		}
		objects[head.Kind] = append(objects[head.Kind], object)
	}
	return objects
}

// one returns the only object of its kind.
func one[T any](t *testing.T, m manifests) *T {
	t.Helper()
	kind := reflect.TypeFor[T]().Name()
	if len(m[kind]) != 1 {
		t.Fatalf("%d objects of kind %s", len(m[kind]), kind)
	}
	return m[kind][0].(*T)
}

func TestHelmFindsNothingToSay(t *testing.T) {
	for name, values := range configurations {
		t.Run(name, func(t *testing.T) {
			if _, err := helm(t, values, "lint", "--strict", chart); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKubernetesKnowsEveryField(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"least":                       {"Deployment": 1, "Service": 1, "ServiceAccount": 1, "PersistentVolumeClaim": 1},
		"nothing kept":                {"Deployment": 1, "Service": 1, "ServiceAccount": 1},
		"a claim of one's own":        {"Deployment": 1, "Service": 1, "ServiceAccount": 1},
		"all that can be switched on": {"Deployment": 1, "Service": 1, "ServiceAccount": 1, "PersistentVolumeClaim": 1, "Secret": 1, "ConfigMap": 1, "ServiceMonitor": 1, "PrometheusRule": 3},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]int{}
			for kind, objects := range render(t, configurations[name]) {
				got[kind] = len(objects)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestEveryFlagOfTheChartExists(t *testing.T) {
	for name, values := range configurations {
		t.Run(name, func(t *testing.T) {
			for _, arg := range one[apps.Deployment](t, render(t, values)).Spec.Template.Spec.Containers[0].Args {
				wantFlag(t, arg)
			}
		})
	}
}

// The arguments and the files of the pod, in a folder in place of the volumes.
func TestThePodRunsTheExporter(t *testing.T) {
	objects := render(t, "args: [--huaweicloud.app-id=demo]\nsecret: {value: "+appKey+"}\n")
	pod := one[apps.Deployment](t, objects).Spec.Template.Spec
	secret := one[core.Secret](t, objects)
	dir := t.TempDir()
	args := slices.Clone(pod.Containers[0].Args)
	for _, mount := range pod.Containers[0].VolumeMounts {
		place := filepath.Join(dir, mount.Name)
		if err := os.Mkdir(place, 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range args {
			args[i] = strings.Replace(args[i], mount.MountPath+"/", place+"/", 1)
		}
	}
	for _, volume := range pod.Volumes {
		if volume.Secret != nil && volume.Secret.SecretName == secret.Name {
			for _, item := range volume.Secret.Items {
				write(t, filepath.Join(dir, volume.Name, item.Path), string(secret.Data[item.Key]))
			}
		}
	}
	wantReady(t, filepath.Join(dir, "ledger", "ledger.db"), args)
}

// Without credentials a probe of a protected page would fail for ever.
func TestProbesNeedNoPassword(t *testing.T) {
	open := one[apps.Deployment](t, render(t, least)).Spec.Template.Spec.Containers[0]
	for path, probe := range map[string]*core.Probe{"/-/healthy": open.LivenessProbe, "/-/ready": open.ReadinessProbe} {
		if probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.TCPSocket != nil {
			t.Errorf("without a password: %v, want %s", probe, path)
		}
	}
	closed := one[apps.Deployment](t, render(t, least+"webConfig: {secretName: web}\n")).Spec.Template.Spec.Containers[0]
	for _, probe := range []*core.Probe{closed.LivenessProbe, closed.ReadinessProbe} {
		if probe.HTTPGet != nil || probe.TCPSocket == nil {
			t.Errorf("with a password: %v, want a port", probe)
		}
	}
}

func TestThePodMayDoNoMoreThanItMust(t *testing.T) {
	objects := render(t, least)
	deployment := one[apps.Deployment](t, objects)
	pod := deployment.Spec.Template.Spec
	security := pod.Containers[0].SecurityContext
	for what, holds := range map[string]bool{
		"one replica":           *deployment.Spec.Replicas == 1 && deployment.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType,
		"the user of the image": *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser == 65532,
		"seccomp":               pod.SecurityContext.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault,
		"read-only root":        *security.ReadOnlyRootFilesystem,
		"no capabilities":       slices.Equal(security.Capabilities.Drop, []core.Capability{"ALL"}) && len(security.Capabilities.Add) == 0,
		"no new privileges":     !*security.AllowPrivilegeEscalation,
		"no token":              !*pod.AutomountServiceAccountToken && !*one[core.ServiceAccount](t, objects).AutomountServiceAccountToken,
		"limited":               !pod.Containers[0].Resources.Limits.Memory().IsZero(),
		"time to stop":          *pod.TerminationGracePeriodSeconds > 5,
	} {
		if !holds {
			t.Errorf("not so: %s", what)
		}
	}
}

// What a pod that cannot poll says must be scraped, and a new pod must go on
// with the series of the old one.
func TestSeriesOutliveThePod(t *testing.T) {
	objects := render(t, configurations["all that can be switched on"])
	if !one[core.Service](t, objects).Spec.PublishNotReadyAddresses {
		t.Error("a pod that is not ready is not scraped")
	}
	relabelings := one[monitoring.ServiceMonitor](t, objects).Spec.Endpoints[0].RelabelConfigs
	if len(relabelings) != 2 || relabelings[0].TargetLabel != "instance" || *relabelings[0].Replacement != "observed/meetings-huaweicloud-meeting-exporter" ||
		relabelings[1].Action != "labeldrop" || relabelings[1].Regex != "pod" {
		t.Errorf("%v", relabelings)
	}
}

// originals returns the files of the project that match, by base name.
func originals(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(root + "/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files %s, %v", len(files), pattern, err)
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[filepath.Base(file)] = read(t, file)
	}
	return texts
}

// The chart holds links to them; what is packaged holds the files.
func TestTheChartHoldsTheRulesAndDashboardsOfTheProject(t *testing.T) {
	dir := t.TempDir()
	if said, err := exec.Command(tool(t, "helm"), "package", chart, "--destination="+dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	archives, _ := filepath.Glob(dir + "/*.tgz")
	if len(archives) != 1 {
		t.Fatalf("helm packaged %q", archives)
	}
	packaged := map[string]map[string]string{"rules": {}, "dashboards": {}}
	unzipped, err := gzip.NewReader(strings.NewReader(read(t, archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		_, name, inFiles := strings.Cut(header.Name, "/files/")
		if !inFiles {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		packaged[path.Dir(name)][path.Base(name)] = string(text)
	}
	for folder, want := range map[string]map[string]string{"rules": originals(t, "rules/*.yaml"), "dashboards": originals(t, "dashboards/*.json")} {
		if !reflect.DeepEqual(packaged[folder], want) {
			t.Errorf("the %s in the package are not those of the project", folder)
		}
	}

	objects := render(t, configurations["all that can be switched on"])
	if got := one[core.ConfigMap](t, objects).Data; !reflect.DeepEqual(got, originals(t, "dashboards/*.json")) {
		t.Error("the ConfigMap does not hold the dashboards of the project")
	}
	rules := originals(t, "rules/*.yaml")
	for _, object := range objects["PrometheusRule"] {
		rule := object.(*monitoring.PrometheusRule)
		var want monitoring.PrometheusRuleSpec
		name := strings.TrimPrefix(rule.Name, "meetings-huaweicloud-meeting-exporter-") + ".yaml"
		if err := yaml.UnmarshalStrict([]byte(rules[name]), &want); err != nil {
			t.Error(err)
		}
		if len(want.Groups) == 0 || !reflect.DeepEqual(rule.Spec, want) {
			t.Errorf("%s does not hold the rules of %s", rule.Name, name)
		}
		delete(rules, name)
	}
	if len(rules) > 0 {
		t.Errorf("%d files of rules are not there", len(rules))
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	for _, test := range []struct{ values, says string }{
		{"args: [--huaweicloud.app-id=demo]", "secret: needs a name or a value"},
		{"secret: {name: mine}", "args: needs --huaweicloud.app-id"},
		{least + "replicas: 2", "'replicas' not allowed"},
		{least + "persistence: {sise: 1Gi}", "'sise' not allowed"},
		{least + "persistence: {size: big}", "/persistence/size"},
		{least + "persistence: {enabled: please}", "/persistence/enabled"},
		{least + "service: {port: 70000}", "/service/port"},
		{least + "image: {pullPolicy: Sometimes}", "/image/pullPolicy"},
		{least + "serviceMonitor: {interval: soon}", "/serviceMonitor/interval"},
		{least + "podLabels: {a: 1}", "/podLabels/a"},
		{"args: [demo]\nsecret: {name: mine}", "/args/0"},
		{"args: [--storage.path=elsewhere]\nsecret: {name: mine}", "/args/0"},
		{"args: [--web.listen-address=:80]\nsecret: {name: mine}", "/args/0"},
	} {
		if _, err := helm(t, test.values, "template", "meetings", chart); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s\n gave %v, want %q", test.values, err, test.says)
		}
	}
}

// A value that the schema does not know would be refused, and one that
// values.yaml leaves out would not be documented.
func TestTheSchemaKnowsTheValuesAndNoOthers(t *testing.T) {
	type schema struct {
		Properties           map[string]schema `json:"properties"`
		AdditionalProperties any               `json:"additionalProperties"`
	}
	var known schema
	if err := yaml.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &known); err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal([]byte(read(t, chart+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	delete(known.Properties, "global") // of Helm's own
	var compare func(where string, known schema, values map[string]any)
	compare = func(where string, known schema, values map[string]any) {
		if known.AdditionalProperties != false {
			t.Errorf("%s: other values are let pass", where)
		}
		for name, inner := range known.Properties {
			value, found := values[name]
			if !found {
				t.Errorf("%s.%s is not in values.yaml", where, name)
			}
			if inner.Properties != nil {
				compare(where+"."+name, inner, value.(map[string]any))
			}
		}
		for name := range values {
			if _, found := known.Properties[name]; !found {
				t.Errorf("%s.%s is not in the schema", where, name)
			}
		}
	}
	compare("", known, values)
}

func TestTheChartIsForThisVersion(t *testing.T) {
	var about struct{ AppVersion string }
	if err := yaml.Unmarshal([]byte(read(t, chart+"/Chart.yaml")), &about); err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(read(t, root+"/VERSION")); about.AppVersion != want {
		t.Errorf("appVersion %s, VERSION %s", about.AppVersion, want)
	}
}
