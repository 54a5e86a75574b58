package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const unitFile = root + "/deploy/systemd/huaweicloud_meeting_exporter.service"

// The file runs with the exporter in place of the one that is installed.
func TestSystemdKnowsEverySettingOfTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	unit := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	write(t, unit, strings.Replace(read(t, unitFile), "ExecStart=", "ExecStart="+filepath.Dir(exporter(t))+"/", 1))
	// Units of the machine may have faults of their own.
	if said, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput(); err != nil || strings.Contains(string(said), filepath.Base(unit)) {
		t.Errorf("%v\n%s", err, said)
	}
	// The highest exposure that is let pass, in tenths of 10.
	said, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", unit).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// The command of the unit, with the file of arguments as it is but for the App
// ID.
func TestTheUnitRunsTheExporter(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), appKey)
	write(t, filepath.Join(dir, "args"), strings.Replace(read(t, root+"/deploy/systemd/args"), "=APP_ID", "=demo", 1))
	command := regexp.MustCompile(`(?m)^ExecStart=((?:.*\\\n)*.*)$`).FindStringSubmatch(read(t, unitFile))
	if command == nil {
		t.Fatal("the unit has no ExecStart")
	}
	words := strings.Fields(strings.ReplaceAll(command[1], "\\\n", " "))
	for i, word := range words {
		word = strings.Replace(word, "@/etc/huaweicloud_meeting_exporter", "@"+dir, 1)
		words[i] = os.Expand(word, func(string) string { return dir })
	}
	wantReady(t, filepath.Join(dir, "ledger.db"), words[1:])
}

// What stands in a comment is there to be used.
func TestEveryFlagOfTheFileOfArgumentsExists(t *testing.T) {
	for _, line := range strings.Split(read(t, root+"/deploy/systemd/args"), "\n") {
		if line = strings.TrimPrefix(line, "#"); strings.HasPrefix(line, "--") {
			wantFlag(t, line)
		}
	}
}

// wantFlag checks that the program has the flag of an argument.
func wantFlag(t *testing.T, arg string) {
	t.Helper()
	help, err := exec.Command(exporter(t), "--help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(arg, "=")
	if !regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(name) + `[ =\n]`).Match(help) {
		t.Errorf("the program has no flag %s", name)
	}
}
