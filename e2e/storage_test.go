package e2e_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/simulator"
)

// newLedger returns the bytes of a ledger that an exporter has left behind,
// and how it signed in.
func newLedger(t *testing.T) (ledger []byte, wayIn []string) {
	t.Helper()
	service, url := newService(t, simulator.Config{MeetingsPerDay: 2_000, Worldwide: true, History: 2 * time.Hour})
	service.Add(ended("one", changing, 1, time.Now()))
	wayIn = signIn(t, url, testAppKey)
	path := filepath.Join(t.TempDir(), "ledger")
	p, exporterURL := serve(t, append([]string{"--storage.path=" + path}, wayIn...)...)
	awaitReady(t, exporterURL)
	if status, _ := p.stop(t, syscall.SIGTERM); status != 0 {
		t.Fatalf("got exit status %d, want 0", status)
	}
	ledger, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return ledger, wayIn
}

func TestStartRefusesAFileThatIsNoLedgerOfItsOwn(t *testing.T) {
	t.Parallel()
	ledger, wayIn := newLedger(t)
	in := func(content []byte) func(t *testing.T) string {
		return func(t *testing.T) string { return write(t, "ledger", string(content)) }
	}
	otherID := slices.Clone(wayIn)
	otherID[slices.IndexFunc(otherID, isAppID)] += "-of-somebody-else"

	for name, c := range map[string]struct {
		path func(t *testing.T) string
		args []string // nil: those with which the ledger was made
		want string   // what the line must say, beside the flag
	}{
		"a directory":        {func(t *testing.T) string { return t.TempDir() }, nil, "is a directory"},
		"a device":           {func(*testing.T) string { return os.DevNull }, nil, "not a regular file"},
		"a missing parent":   {func(t *testing.T) string { return filepath.Join(t.TempDir(), "missing", "ledger") }, nil, "no such file or directory"},
		"a parent as a file": {func(t *testing.T) string { return filepath.Join(in(ledger)(t), "ledger") }, nil, "not a directory"},
		"a text":             {in([]byte(strings.Repeat("This is no ledger.\n", 5000))), nil, "is damaged, or not a ledger"},
		"zeros":              {in(make([]byte, len(ledger))), nil, "is damaged, or not a ledger"},
		"the first half":     {in(ledger[:len(ledger)/2]), nil, "is damaged, or not a ledger"},
		"the first byte":     {in(ledger[:1]), nil, "is damaged, or not a ledger"},
		"a changed value":    {in(bytes.ReplaceAll(ledger, []byte("Changing"), []byte("Changed!"))), nil, "is damaged, or not a ledger"},
		"another app ID":     {in(ledger), otherID, "another endpoint, app ID or account"},
		"another endpoint":   {in(ledger), signIn(t, unreachable(t), testAppKey), "another endpoint, app ID or account"},
		"demo":               {in(ledger), []string{"demo"}, "not with the command demo"},
		"demo, no file":      {func(t *testing.T) string { return filepath.Join(t.TempDir(), "ledger") }, []string{"demo"}, "not with the command demo"},
	} {
		t.Run(name, func(t *testing.T) {
			path, args := c.path(t), c.args
			if args == nil {
				args = wayIn
			}
			before := contents(t, path)
			refused(t, append([]string{"--storage.path=" + path}, args...), c.want)
			if after := contents(t, path); after != before {
				t.Errorf("%s was changed", path)
			}
		})
	}
}

func isAppID(arg string) bool { return strings.HasPrefix(arg, "--huaweicloud.app-id=") }

// contents is all that a path holds: the names and bytes of the files, and in
// front of them what the directory above holds.
func contents(t *testing.T, path string) string {
	t.Helper()
	var all strings.Builder
	if path == os.DevNull {
		return ""
	}
	err := filepath.WalkDir(filepath.Dir(path), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		all.WriteString(path + "\n")
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(path)
			all.Write(content)
			return err
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all.String()
}

// refused makes sure that a start fails with one line that names
// --storage.path and says what is wrong.
func refused(t *testing.T, args []string, want string) {
	t.Helper()
	p := start(t, exporter, append([]string{"--web.listen-address=127.0.0.1:0"}, args...)...)
	if got := p.status(t); got != 1 {
		t.Errorf("got exit status %d, want 1", got)
	}
	if got := p.stdout.String(); got != "" {
		t.Errorf("got on standard output\n%s\nwant nothing", got)
	}
	if got := p.stderr.lines(); len(got) != 1 || !strings.Contains(got[0], "--storage.path") || !strings.Contains(got[0], want) {
		t.Errorf("got on standard error\n%s\nwant one line that names --storage.path and says %q", strings.Join(got, "\n"), want)
	}
}

func TestStartRefusesALedgerInUse(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	p, exporterURL := s.serve(t, brisk...)
	awaitReady(t, exporterURL)
	s.publish(t, ended("before the other", changing, 3, time.Now()))
	s.truth().await(t, exporterURL)

	refused(t, s.args, "is in use")

	// The first goes on, and so does its file.
	s.publish(t, ended("after the other", changing, 4, time.Now()))
	whole := s.truth()
	whole.await(t, exporterURL)
	if got := newScrape(t, exporterURL).failures(); len(got) > 0 {
		t.Errorf("got failed polls %v, want none", got)
	}
	p.kill(t)
	_, exporterURL = s.serve(t, patient...)
	if different := whole.differs(newScrape(t, exporterURL)); different != "" {
		t.Errorf("after a crash: %s", different)
	}
}

func TestStartNeedsRoomForANewLedger(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	p := start(t, "sh", append([]string{"-c", `ulimit -f 0; exec "$0" "$@"`, exporter, "--web.listen-address=127.0.0.1:0"}, s.args...)...)
	if got := p.status(t); got != 1 {
		t.Errorf("without room: got exit status %d, want 1", got)
	}
	if got := p.stderr.lines(); len(got) != 1 || !strings.Contains(got[0], "--storage.path") || !strings.Contains(got[0], "file too large") {
		t.Errorf("without room: got on standard error\n%s\nwant one line that names --storage.path and says why", p.stderr.String())
	}
	_, exporterURL := s.serve(t, brisk...)
	awaitReady(t, exporterURL)
	if different := s.truth().differs(newScrape(t, exporterURL)); different != "" {
		t.Errorf("with room: %s", different)
	}
}
