package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	unitFile = root + "/deploy/systemd/huaweicloud_meeting_exporter.service"
	argsFile = root + "/deploy/systemd/args"
)

// TestUnitSettings checks the unit with systemd, alone and with the drop-in for
// several enterprises. The path of the exporter under test replaces the installed
// one.
func TestUnitSettings(t *testing.T) {
	for name, dropIns := range map[string][]string{"unit": nil, "drop-in": {dropInFile}} {
		t.Run(name, func(t *testing.T) { checkUnit(t, dropIns) })
	}
}

func checkUnit(t *testing.T, dropIns []string) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	installed := strings.NewReplacer("ExecStart=huawei", "ExecStart="+filepath.Dir(exporter(t))+"/huawei")
	write(t, unit, installed.Replace(read(t, unitFile)))
	for _, file := range dropIns {
		write(t, filepath.Join(unit+".d", filepath.Base(file)), installed.Replace(read(t, file)))
	}
	// Other units of the machine may have errors.
	out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), filepath.Base(unit)) {
		t.Errorf("%v\n%s", err, out)
	}
	// The threshold is the maximum exposure, in tenths on a scale up to 10.
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", unit).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnitRunsExporter runs the command of the unit with the installed file of
// arguments, in which it only replaces the App ID.
func TestUnitRunsExporter(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), appKey)
	write(t, filepath.Join(dir, "args"), strings.Replace(read(t, argsFile), "=APP_ID", "=demo", 1))
	args := command(t, read(t, unitFile))
	for i, arg := range args {
		arg = strings.Replace(arg, "@/etc/huaweicloud_meeting_exporter", "@"+dir, 1)
		args[i] = os.Expand(arg, func(string) string { return dir })
	}
	wantReady(t, []string{filepath.Join(dir, "ledger.db")}, args)
}

// command returns the arguments of the command of a unit.
func command(t *testing.T, unit string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^ExecStart=((?:.*\\\n)*.*)$`).FindStringSubmatch(unit)
	if found == nil {
		t.Fatal("the unit has no ExecStart")
	}
	return strings.Fields(strings.ReplaceAll(found[1], "\\\n", " "))[1:]
}

// TestArgsFile checks the flags of the file of arguments, including those that
// are commented out.
func TestArgsFile(t *testing.T) {
	var args []string
	for line := range strings.Lines(read(t, argsFile)) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "#"); strings.HasPrefix(line, "--") {
			args = append(args, line)
		}
	}
	if len(args) == 0 {
		t.Fatal("the file of arguments has no flags")
	}
	wantFlags(t, args)
}
