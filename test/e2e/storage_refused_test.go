package e2e_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStorageRefusals(t *testing.T) {
	t.Parallel()
	e := newQuietEnterprise(t)
	flags := signIn(t, e.url, testAppKey)
	otherID := slices.Clone(flags)
	otherID[slices.IndexFunc(otherID, func(flag string) bool { return strings.Contains(flag, "app-id") })] += "-other"
	ledger := newLedger(t, e)
	boltDB := make([]byte, 64<<10) // as the first edition wrote it
	binary.LittleEndian.PutUint32(boltDB[16:], 0xED0CDAED)

	file := func(content []byte) func(t *testing.T) string {
		return func(t *testing.T) string { return write(t, t.TempDir(), "ledger", string(content)) }
	}
	noFile := func(t *testing.T) string { return filepath.Join(t.TempDir(), "ledger") }
	for name, c := range map[string]struct {
		path func(t *testing.T) string
		args []string // nil: those with which the ledger was made
		want string   // what the line must say, apart from the flag
	}{
		"directory":        {func(t *testing.T) string { return t.TempDir() }, nil, "is a directory"},
		"device":           {func(*testing.T) string { return os.DevNull }, nil, "not a regular file"},
		"missing parent":   {func(t *testing.T) string { return filepath.Join(t.TempDir(), "missing", "ledger") }, nil, "no such file or directory"},
		"file as parent":   {func(t *testing.T) string { return filepath.Join(file(ledger)(t), "ledger") }, nil, "not a directory"},
		"text":             {file([]byte(strings.Repeat("This is no ledger.\n", 5000))), nil, damaged},
		"zeros":            {file(make([]byte, len(ledger))), nil, damaged},
		"first half":       {file(ledger[:len(ledger)/2]), nil, damaged},
		"first byte":       {file(ledger[:1]), nil, damaged},
		"changed value":    {file(bytes.ReplaceAll(ledger, []byte("Existing"), []byte("Exciting"))), nil, damaged},
		"first edition":    {file(boltDB), nil, "bbolt"},
		"newer format":     {file(newerFormat(ledger)), nil, "newer version"},
		"another app ID":   {file(ledger), otherID, "another endpoint, app ID or account"},
		"another endpoint": {file(ledger), signIn(t, "http://"+freeAddress(t), testAppKey), "another endpoint, app ID or account"},
		"demo":             {file(ledger), []string{"demo"}, "cannot be used with the command demo"},
		"demo, no file":    {noFile, []string{"demo"}, "cannot be used with the command demo"},
	} {
		t.Run(name, func(t *testing.T) {
			path, args := c.path(t), c.args
			if args == nil {
				args = flags
			}
			before := contents(t, path)
			refused(t, append([]string{"--storage.path=" + path}, args...), "--storage.path", c.want)
			if after := contents(t, path); after != before {
				t.Errorf("%s was changed", path)
			}
		})
	}
	for name, content := range map[string][]byte{"read-only": ledger, "read-only, no file": nil} {
		t.Run(name, func(t *testing.T) {
			path := noFile(t)
			if content != nil {
				write(t, filepath.Dir(path), "ledger", string(content))
			}
			before := contents(t, path)
			if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
				t.Fatal(err)
			}
			args := append([]string{exporter, "--storage.path=" + path, "--web.listen-address=127.0.0.1:0"}, flags...)
			if os.Getuid() == 0 { // permissions bind root only without capabilities
				args = append([]string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}, args...)
			}
			start(t, args[0], args[1:]...).checkRefusal(t, "--storage.path", "permission denied")
			if after := contents(t, path); after != before {
				t.Errorf("%s was changed", path)
			}
		})
	}
}

// damaged is what the exporter says of a file that it cannot read as a ledger.
const damaged = "is damaged, or not a ledger"

// newLedger returns the bytes of a ledger that an exporter has left.
func newLedger(t *testing.T, e *enterprise) []byte {
	t.Helper()
	p, exporterURL := e.serve(t, oneSweepOnly)
	awaitReady(t, exporterURL)
	p.stop(t, syscall.SIGTERM)
	ledger, err := os.ReadFile(e.ledger)
	if err != nil {
		t.Fatal(err)
	}
	return ledger
}

// newerFormat returns the ledger with a higher format number in its first frame.
// A frame is the length of the payload, a number of 8 bytes, the CRC of both, the
// CRC of all three, and the payload.
func newerFormat(ledger []byte) []byte {
	newer := bytes.Replace(ledger, []byte(" ledger\x02\x02"), []byte(" ledger\x02\x03"), 1)
	length := binary.BigEndian.Uint32(newer)
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(newer[:12], table), table, newer[20:20+length])
	binary.BigEndian.PutUint32(newer[16:], sum)
	return newer
}

// contents returns the names and bytes of all that lies in the directory of a
// path, without lock files.
func contents(t *testing.T, path string) string {
	t.Helper()
	if path == os.DevNull {
		return ""
	}
	var all strings.Builder
	err := filepath.WalkDir(filepath.Dir(path), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".lock") {
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

func TestStorageInUse(t *testing.T) {
	t.Parallel()
	e := newQuietEnterprise(t)
	p, exporterURL := e.serve(t, everySecond)
	awaitReady(t, exporterURL)
	e.publish(t, ended("first", existing, 3, time.Now()))
	e.expected().await(t, exporterURL)

	refused(t, e.flags, "--storage.path", "is in use")

	// The first exporter still counts and stores.
	e.publish(t, ended("second", existing, 4, time.Now()))
	x := e.expected()
	if got := x.await(t, exporterURL).failures(); len(got) > 0 {
		t.Errorf("got failed polls %v, want none", got)
	}
	p.kill(t)
	_, exporterURL = e.serve(t, oneSweepOnly)
	x.check(t, "after a crash", newScrape(t, exporterURL))
}
