package deploy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	dropInFile      = root + "/deploy/systemd/enterprises.conf"
	enterprisesFile = root + "/deploy/systemd/enterprises.yaml"
)

// TestDropInRunsExporter runs the command of the drop-in with the example of
// --config.file and the installed file of arguments.
func TestDropInRunsExporter(t *testing.T) {
	dir := t.TempDir()
	here := strings.NewReplacer("/etc/huaweicloud_meeting_exporter/", dir+"/", "/var/lib/huaweicloud_meeting_exporter/", dir+"/",
		"/run/credentials/"+filepath.Base(unitFile)+"/", dir+"/",
		"APP_ID", "demo", "CORP_ID_OF_NORTH", "corp1", "CORP_ID_OF_SOUTH", "corp2")
	write(t, filepath.Join(dir, "secret"), appKey)
	write(t, filepath.Join(dir, "args"), strings.Replace(read(t, argsFile), "--huaweicloud.app-id=APP_ID\n", "", 1))
	write(t, filepath.Join(dir, "enterprises.yaml"), here.Replace(read(t, enterprisesFile)))
	args := command(t, strings.Replace(read(t, dropInFile), "ExecStart=\n", "", 1))
	for i := range args {
		args[i] = here.Replace(args[i])
	}
	wantReady(t, []string{filepath.Join(dir, "north.db"), filepath.Join(dir, "south.db")}, args)
}

// TestComposeRunsExporter runs the exporter of the compose file for several
// enterprises, with a directory for what is mounted.
func TestComposeRunsExporter(t *testing.T) {
	var file struct {
		Services map[string]struct{ Command, Volumes, Secrets []string }
		Secrets  map[string]struct{ File string }
	}
	if err := yaml.Unmarshal([]byte(read(t, root+"/deploy/compose-enterprises.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	exporter, dir := file.Services["exporter"], t.TempDir()
	mounts := map[string]string{} // the path in the container, and the file
	for _, volume := range exporter.Volumes {
		source, target, _ := strings.Cut(volume, ":")
		mounts[strings.TrimSuffix(target, ":ro")] = source
	}
	for _, secret := range exporter.Secrets {
		mounts["/run/secrets/"+secret] = file.Secrets[secret].File
	}
	var places []string
	for target := range mounts {
		places = append(places, target, dir+target)
	}
	here := strings.NewReplacer(places...)
	for target, source := range mounts {
		if strings.HasPrefix(source, "./") {
			write(t, dir+target, here.Replace(read(t, filepath.Join(root, "deploy", source))))
		} else { // a volume
			write(t, dir+target+"/empty", "")
		}
	}
	args := slices.DeleteFunc(exporter.Command, func(arg string) bool { return arg == "--huaweicloud.endpoint=http://simulator:10048" })
	for i := range args {
		args[i] = here.Replace(args[i])
	}
	var ledgers []string
	for _, name := range []string{"north", "south", "east"} {
		ledgers = append(ledgers, filepath.Join(dir, "var/lib/huaweicloud_meeting_exporter", name+".db"))
	}
	wantReady(t, ledgers, args)
	wantFlags(t, exporter.Command)
	if got := file.Services["simulator"].Command; !slices.Equal(got, []string{"simulate", "--simulate.listen-address=:10048", "--simulate.enterprises=3"}) {
		t.Errorf("the simulator has the command %q", got)
	}
}

// TestComposeChinese checks that the compose file for Chinese replaces every file
// of alerts, and the dashboards, by Chinese ones that exist.
func TestComposeChinese(t *testing.T) {
	type services map[string]struct{ Volumes []string }
	var base, chinese struct{ Services services }
	for file, into := range map[string]any{"compose.yaml": &base, "compose-zh-CN.yaml": &chinese} {
		if err := yaml.Unmarshal([]byte(read(t, root+"/deploy/"+file)), into); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"../dashboards/zh-CN:/var/lib/grafana/dashboards:ro"}
	for name := range originals(t, "rules/zh-CN/*.yaml") {
		want = append(want, fmt.Sprintf("../rules/zh-CN/%s:/etc/prometheus/rules/%[1]s:ro", name))
	}
	got := slices.Concat(chinese.Services["grafana"].Volumes, chinese.Services["prometheus"].Volumes)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got volumes %q, want %q", got, want)
	}
	for service, volume := range map[string]string{"prometheus": "../rules:/etc/prometheus/rules:ro", "grafana": "../dashboards:/var/lib/grafana/dashboards:ro"} {
		if !slices.Contains(base.Services[service].Volumes, volume) {
			t.Errorf("%s has the volumes %q, which the Chinese ones do not replace", service, base.Services[service].Volumes)
		}
	}
}
