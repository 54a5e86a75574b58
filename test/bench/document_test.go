package bench

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of the documentation again")

// wantSection compares the part of docs/performance.md between two marks.
func wantSection(t *testing.T, name, want string) {
	t.Helper()
	const file = "../../docs/performance.md"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	section := regexp.MustCompile("(?s)" + regexp.QuoteMeta(begin) + "(.*)" + regexp.QuoteMeta(end))
	got := section.FindSubmatch(content)
	if got == nil {
		t.Fatalf("%s has no section %s", file, name)
	}
	if *update {
		updated := strings.Replace(string(content), string(got[0]), begin+want+end, 1)
		if err := os.WriteFile(file, []byte(updated), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(got[1])); diff != "" {
		t.Errorf("go test ./test/bench -update writes it again (-want +got):\n%s", diff)
	}
}
