package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/backfill"
)

const testSecret = "hidden"

// parseStore returns the options of the flags, with a file of the given text.
func parseStore(t *testing.T, file string, flags ...string) *backfillOptions {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{commandBackfill, "--from=2026-03-01", "--to=2026-03-02", "--output=out"}
	if file != "" {
		args = append(args, "--remote-write.config.file="+path)
	}
	_, opts, err := parseFlags(append(args, flags...))
	if err != nil {
		t.Fatal(err)
	}
	return &opts.backfill
}

func TestRefusedStore(t *testing.T) {
	const url = "--remote-write.url=http://store"
	for _, test := range []struct {
		want, file string
		flags      []string
	}{
		{want: "--remote-write.url: is not a URL", flags: []string{"--remote-write.url=http://" + testSecret + ":x"}},
		{want: "--remote-write.url: must begin with http:// or https:// and a host", flags: []string{"--remote-write.url=" + testSecret}},
		{want: "--remote-write.url: must not contain a user or a password", flags: []string{"--remote-write.url=http://u:" + testSecret + "@store"}},
		{want: "--remote-write.url: must not contain a fragment", flags: []string{"--remote-write.url=http://store#" + testSecret}},
		{want: "--remote-write.header: is not of the form Name=Value", flags: []string{url, "--remote-write.header=" + testSecret}},
		{want: "--remote-write.header: the name is not one of a header", flags: []string{url, "--remote-write.header= =" + testSecret}},
		{want: "--remote-write.header: the value of A contains a control character", flags: []string{url, "--remote-write.header=A=\n" + testSecret}},
		{want: "--remote-write.header: A is given twice", flags: []string{url, "--remote-write.header=A=" + testSecret, "--remote-write.header=a=b"}},
		{
			want:  `--remote-write.header: setting header "Authorization" is not allowed; for a sign-in, use --remote-write.config.file`,
			flags: []string{url, "--remote-write.header=authorization=" + testSecret},
		},
		{want: "--remote-write.header: goes with --remote-write.url only", flags: []string{"--remote-write.header=A=" + testSecret}},
		{want: "--remote-write.config.file: goes with --remote-write.url only", file: "basic_auth: {}"},
		{want: "--remote-write.config.file: yaml: unmarshal errors: line 1: field bearer not found", file: "bearer: " + testSecret, flags: []string{url}},
		{want: "--remote-write.config.file: yaml: unmarshal errors: line 1: cannot unmarshal !!str a value into", file: "basic_auth: " + testSecret, flags: []string{url}},
		{want: "--remote-write.config.file: yaml: ", file: testSecret + ": [", flags: []string{url}},
		{want: "--remote-write.config.file: open ", flags: []string{url, "--remote-write.config.file=missing.yaml"}},
		{want: "--remote-write.config.file: an invalid URL", file: "proxy_url: http://u:" + testSecret + "/@proxy", flags: []string{url}},
		{want: "--remote-write.config.file: unable to read CA cert", file: "tls_config: {ca_file: missing.pem}", flags: []string{url}},
	} {
		_, err := parseStore(t, test.file, test.flags...).store(nil)
		if err == nil {
			t.Errorf("got no error, want %q", test.want)
			continue
		}
		if text := strings.Join(strings.Fields(err.Error()), " "); !strings.Contains(text, test.want) || strings.Contains(text, testSecret) {
			t.Errorf("got error %s, want %q in it and no secret", text, test.want)
		}
	}
}

func TestStoreIsSignedInTo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got := []string{r.URL.String(), user, password, r.Header.Get("X-Scope-OrgID"), r.Header.Get("X-Other"), r.Header.Get("User-Agent")}
		if strings.Join(got, " ") != "/a//write/?b=c me "+testSecret+" north other=1 "+program+"/" {
			t.Errorf("got %q", got)
		}
	}))
	defer server.Close()
	store, err := parseStore(t, "basic_auth: {username: me, password: "+testSecret+"}\nhttp_headers: {X-Other: {values: [other=1]}}",
		"--remote-write.url="+server.URL+"/a//write/?b=c", "--remote-write.header=x-scope-orgid=north").store(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Probe(t.Context(), &backfill.Config{From: time.Now()}); err != nil {
		t.Error(err)
	}
}

// What does not pass by itself is not repeated.
func TestStoreThatCannotBeReached(t *testing.T) {
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	plain := httptest.NewServer(nil)
	defer plain.Close()
	for _, test := range []struct{ want, file, url string }{
		{"tls: failed to verify certificate: x509: certificate signed by unknown authority", "", secure.URL},
		{"server gave HTTP response to HTTPS client", "", strings.Replace(plain.URL, "http", "https", 1)},
		{"missing: no such file or directory", "basic_auth: {username: me, password_file: missing}", plain.URL},
	} {
		store, err := parseStore(t, test.file, "--remote-write.url="+test.url+"/?"+testSecret).store(func(err error) { t.Errorf("repeated after %v", err) })
		if err != nil {
			t.Fatal(err)
		}
		err = store.Probe(t.Context(), &backfill.Config{From: time.Now()})
		if err == nil || !strings.Contains(err.Error(), "the store cannot be reached: ") || !strings.HasSuffix(err.Error(), test.want+"; check --remote-write.url and --remote-write.config.file") || strings.Contains(err.Error(), testSecret) {
			t.Errorf("got error %v, want %s", err, test.want)
		}
	}
}
