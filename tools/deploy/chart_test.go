package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
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

// required are the values that the chart requires.
const required = `
args: [--huaweicloud.app-id=demo]
secret: {name: mine}
`

// several are values for enterprises. One name is no good file name.
const several = `
enterprises:
  - {name: north, appId: demo, corpId: corp1, maxRequestsPerMinute: 3000000, secret: {name: mine, key: north}}
  - {name: "South & East", appId: demo, corpId: corp2, secret: {name: other, key: key}}
  - {name: "007", appId: demo, corpId: corp3, secret: {name: mine, key: north}}
`

const allOptions = `
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
`

func TestChart(t *testing.T) {
	for name, test := range map[string]struct {
		values string
		more   map[string]int // objects beside those of every configuration
	}{
		"required values": {required, map[string]int{"PersistentVolumeClaim": 1}},
		"no persistence":  {"args: [--huaweicloud.account=somebody]\nsecret: {name: mine, key: password}\npersistence: {enabled: false}\n", nil},
		"existing claim":  {required + "persistence: {existingClaim: mine}\n", nil},
		"enterprises":     {several, map[string]int{"PersistentVolumeClaim": 1, "ConfigMap": 1}},
		"all options": {allOptions, map[string]int{
			"PersistentVolumeClaim": 1, "Secret": 1, "ConfigMap": 1, "ServiceMonitor": 1, "PrometheusRule": 4,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := helm(t, test.values, "lint", "--strict", chart); err != nil {
				t.Error(err)
			}
			objects := render(t, test.values)
			want, got := map[string]int{"Deployment": 1, "Service": 1, "ServiceAccount": 1}, map[string]int{}
			maps.Copy(want, test.more)
			for kind := range objects {
				got[kind] = len(objects[kind])
			}
			if !maps.Equal(got, want) {
				t.Errorf("got objects %v, want %v", got, want)
			}
			wantFlags(t, container(t, objects).Args)
		})
	}
}

// helm runs helm and returns its output. The error has the warnings too.
func helm(t *testing.T, values string, args ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	write(t, file, values)
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(tool(t, "helm"), append(args, "--values="+file)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", errors.New(stderr.String() + stdout.String())
	}
	return stdout.String(), nil
}

// manifests are the objects that the chart makes, by kind.
type manifests map[string][]any

var kinds = map[string]func() any{
	"apps/v1 Deployment":       func() any { return &apps.Deployment{} },
	"v1 Service":               func() any { return &core.Service{} },
	"v1 ServiceAccount":        func() any { return &core.ServiceAccount{} },
	"v1 Secret":                func() any { return &core.Secret{} },
	"v1 ConfigMap":             func() any { return &core.ConfigMap{} },
	"v1 PersistentVolumeClaim": func() any { return &core.PersistentVolumeClaim{} },
	"monitoring.coreos.com/v1 ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
	"monitoring.coreos.com/v1 PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
}

// render returns the objects that the chart makes of values.
func render(t *testing.T, values string) manifests {
	t.Helper()
	return renderAs(t, "meetings", "observed", values)
}

// renderAs returns the objects of a release in a namespace. A field that
// Kubernetes does not know fails the test.
func renderAs(t *testing.T, release, namespace, values string) manifests {
	t.Helper()
	text, err := helm(t, values, "template", release, chart, "--namespace="+namespace)
	if err != nil {
		t.Fatal(err)
	}
	objects := manifests{}
	for _, document := range strings.Split("\n"+text, "\n---\n") {
		document += "\n" // the last line may be a line of a block scalar
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if head.Kind == "" {
			continue
		}
		newObject, ok := kinds[head.APIVersion+" "+head.Kind]
		if !ok {
			t.Fatalf("unexpected %s %s", head.APIVersion, head.Kind)
		}
		object := newObject()
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
		t.Fatalf("%d objects of kind %s, want 1", len(m[kind]), kind)
	}
	return m[kind][0].(*T)
}

func container(t *testing.T, m manifests) core.Container {
	t.Helper()
	return one[apps.Deployment](t, m).Spec.Template.Spec.Containers[0]
}

// TestPodRunsExporter runs the program with the arguments of the pod, and with
// a directory for each volume.
func TestPodRunsExporter(t *testing.T) {
	for name, test := range map[string]struct {
		values  string
		ledgers []string
	}{
		"one":     {"args: [--huaweicloud.app-id=demo]\nsecret: {value: " + appKey + "}\n", []string{"ledger.db"}},
		"several": {several, []string{"ledger-north.db", "ledger-04cc4d7162694ca2.db", "ledger-007.db"}},
	} {
		t.Run(name, func(t *testing.T) {
			objects := render(t, test.values)
			dir := t.TempDir()
			var places []string // in the pod, and here
			for _, mount := range container(t, objects).VolumeMounts {
				volume := filepath.Join(dir, mount.Name)
				if err := os.Mkdir(volume, 0o700); err != nil {
					t.Fatal(err)
				}
				places = append(places, mount.MountPath+"/", volume+"/")
			}
			here := strings.NewReplacer(places...)
			for _, volume := range one[apps.Deployment](t, objects).Spec.Template.Spec.Volumes {
				for file, text := range filesOf(t, objects, volume) {
					write(t, filepath.Join(dir, volume.Name, file), here.Replace(text))
				}
			}
			args := container(t, objects).Args
			for i := range args {
				args[i] = here.Replace(args[i])
			}
			for i := range test.ledgers {
				test.ledgers[i] = filepath.Join(dir, "ledger", test.ledgers[i])
			}
			wantReady(t, test.ledgers, args)
		})
	}
}

// filesOf returns the files of a volume. Every Secret of the user has the App Key.
func filesOf(t *testing.T, m manifests, v core.Volume) map[string]string {
	t.Helper()
	files := map[string]string{}
	switch {
	case v.Secret != nil:
		secret := one[core.Secret](t, m)
		for _, item := range v.Secret.Items {
			files[item.Path] = string(secret.Data[item.Key])
		}
	case v.Projected != nil:
		for _, source := range v.Projected.Sources {
			for _, item := range source.Secret.Items {
				files[item.Path] = appKey
			}
		}
	case v.ConfigMap != nil:
		if config := one[core.ConfigMap](t, m); config.Name == v.ConfigMap.Name {
			files = config.Data
		}
	}
	return files
}

// TestEnterprises checks that each enterprise has its Secret, and that a changed
// list makes a new pod.
func TestEnterprises(t *testing.T) {
	template := func(values string) core.PodTemplateSpec {
		return one[apps.Deployment](t, render(t, values)).Spec.Template
	}
	before, after := template(several), template(strings.Replace(several, "3000000", "40", 1))
	const checksum = "checksum/enterprises"
	if a, b := before.Annotations[checksum], after.Annotations[checksum]; a == b || a == "" {
		t.Errorf("the checksum is %q, and %q with another limit", a, b)
	}
	var got []string
	for _, volume := range before.Spec.Volumes {
		if volume.Projected != nil {
			for _, source := range volume.Projected.Sources {
				got = append(got, source.Secret.Name+"/"+source.Secret.Items[0].Key)
			}
		}
	}
	if want := []string{"mine/north", "other/key", "mine/north"}; !slices.Equal(got, want) {
		t.Errorf("got secrets %q, want %q", got, want)
	}
}

// TestPod checks what the chart sets for a safe pod.
func TestPod(t *testing.T) {
	objects := render(t, required)
	deployment := one[apps.Deployment](t, objects)
	pod := deployment.Spec.Template.Spec
	c := pod.Containers[0]
	// A probe has no password, so it cannot get a page that needs one.
	protected := container(t, render(t, required+"webConfig: {secretName: web}\n"))
	gets := func(p *core.Probe, path string) bool {
		return p.HTTPGet != nil && p.HTTPGet.Path == path && p.TCPSocket == nil
	}
	connects := func(p *core.Probe) bool { return p.HTTPGet == nil && p.TCPSocket != nil }
	all := render(t, allOptions)
	relabelings := one[monitoring.ServiceMonitor](t, all).Spec.Endpoints[0].RelabelConfigs
	for what, ok := range map[string]bool{
		"one replica":              *deployment.Spec.Replicas == 1 && deployment.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType,
		"user of the image":        *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser == 65532,
		"seccomp":                  pod.SecurityContext.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault,
		"read-only root":           *c.SecurityContext.ReadOnlyRootFilesystem,
		"no capabilities":          slices.Equal(c.SecurityContext.Capabilities.Drop, []core.Capability{"ALL"}) && len(c.SecurityContext.Capabilities.Add) == 0,
		"no new privileges":        !*c.SecurityContext.AllowPrivilegeEscalation,
		"no token":                 !*pod.AutomountServiceAccountToken && !*one[core.ServiceAccount](t, objects).AutomountServiceAccountToken,
		"limit of memory":          !c.Resources.Limits.Memory().IsZero(),
		"time to stop":             *pod.TerminationGracePeriodSeconds > 5,
		"probes of pages":          gets(c.LivenessProbe, "/-/healthy") && gets(c.ReadinessProbe, "/-/ready"),
		"probes of the port":       connects(protected.LivenessProbe) && connects(protected.ReadinessProbe),
		"scrapes before readiness": one[core.Service](t, all).Spec.PublishNotReadyAddresses,
		"same series in a new pod": len(relabelings) == 2 &&
			relabelings[0].TargetLabel == "instance" && *relabelings[0].Replacement == "observed/meetings-huaweicloud-meeting-exporter" &&
			relabelings[1].Action == "labeldrop" && relabelings[1].Regex == "pod",
	} {
		if !ok {
			t.Errorf("the chart does not set: %s", what)
		}
	}
}

// originals returns the files of the project that match, by base name.
func originals(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(root + "/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files %s and error %v, want some", len(files), pattern, err)
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[filepath.Base(file)] = read(t, file)
	}
	return texts
}

// TestPackagedFiles checks that a package of the chart has the rules and
// dashboards of the project. The chart has links to them.
func TestPackagedFiles(t *testing.T) {
	want := map[string]map[string]string{
		"rules": originals(t, "rules/*.yaml"), "rules/zh-CN": originals(t, "rules/zh-CN/*.yaml"),
		"dashboards": originals(t, "dashboards/*.json"), "dashboards/zh-CN": originals(t, "dashboards/zh-CN/*.json"),
	}
	if got := unpack(t); !reflect.DeepEqual(got, want) {
		t.Error("the package does not have the rules and dashboards of the project, or has other files beside them")
	}
}

// packageChart makes a package of the chart in a directory and returns its path.
func packageChart(t *testing.T, dir string) string {
	t.Helper()
	if out, err := exec.Command(tool(t, "helm"), "package", chart, "--destination="+dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	packages, _ := filepath.Glob(dir + "/*.tgz")
	if len(packages) != 1 {
		t.Fatalf("helm made the packages %q, want one", packages)
	}
	return packages[0]
}

// unpack returns the texts of files/ in a package of the chart, by directory
// and base name.
func unpack(t *testing.T) map[string]map[string]string {
	t.Helper()
	unzipped, err := gzip.NewReader(strings.NewReader(read(t, packageChart(t, t.TempDir()))))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]map[string]string{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		_, name, ok := strings.Cut(header.Name, "/files/")
		if !ok {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if texts[path.Dir(name)] == nil {
			texts[path.Dir(name)] = map[string]string{}
		}
		texts[path.Dir(name)][path.Base(name)] = string(text)
	}
}

func TestChartVersion(t *testing.T) {
	var metadata struct{ AppVersion string }
	decode(t, "Chart.yaml", &metadata)
	if want := strings.TrimSpace(read(t, root+"/VERSION")); metadata.AppVersion != want {
		t.Errorf("appVersion is %s, VERSION is %s", metadata.AppVersion, want)
	}
}

// decode decodes a file of the chart.
func decode(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, chart+"/"+file)), into); err != nil {
		t.Fatal(err)
	}
}
