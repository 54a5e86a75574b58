package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	textunicode "golang.org/x/text/encoding/unicode"
)

// readSecret returns the secret that the arguments configure, as two sign-ins
// read it.
func readSecret(t *testing.T, args ...string) (string, error) {
	t.Helper()
	_, opts, err := parseFlags(args)
	if err != nil {
		return "", err
	}
	if err := opts.readPipes(); err != nil {
		return "", err
	}
	cfg, err := opts.clientConfig(&opts.enterpriseOptions)
	if err != nil {
		return "", err
	}
	first, err := cfg.Secret()
	if err != nil {
		return "", err
	}
	second, err := cfg.Secret()
	if second != first {
		t.Errorf("the second sign-in reads %q, the first one %q", second, first)
	}
	return second, err
}

// utf16 encodes a text with a byte order mark.
func utf16(t *testing.T, order textunicode.Endianness, text string) string {
	t.Helper()
	encoded, err := textunicode.UTF16(order, textunicode.UseBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func writeTemp(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSecretIsCleaned(t *testing.T) {
	little, big := utf16(t, textunicode.LittleEndian, "sécret 1\r\n"), utf16(t, textunicode.BigEndian, "sécret 1\r\n")
	for _, c := range []struct{ name, content, want, refusal string }{
		{"plain", "sécret 1", "sécret 1", ""},
		{"white space", " \t\u00a0sécret 1 \r\n\n", "sécret 1", ""},
		{"byte order mark", "\uFEFFsécret 1\n", "sécret 1", ""},
		{"mark in white space", " \uFEFF\n\uFEFFsécret 1\uFEFF", "sécret 1", ""},
		{"UTF-16 little endian", little, "sécret 1", ""},
		{"UTF-16 big endian", big, "sécret 1", ""},
		{"UTF-16 without mark", "s\x00e\x00", "", "control character"},
		{"half a UTF-16 character", little + "x", "", "not UTF-8"},
		{"Latin 1", "s\xe9cret", "", "not UTF-8"},
		{"two lines", "sécret\n1", "", "control character"},
		{"NUL", "sécret\x00", "", "control character"},
		{"escape", "\x1b[1msécret", "", "control character"},
		{"C1 control", "s\u0085cret", "", "control character"},
		{"only blanks", " \n", "", "is empty"},
		{"only a mark", "\uFEFF\n", "", "is empty"},
		{"huge", strings.Repeat("sécret", maxTextFile), "", "longer than"},
	} {
		for _, signIn := range []struct{ id, flag, variable string }{
			{"--huaweicloud.app-id=app", "--huaweicloud.app-key-file", appKeyVariable},
			{"--huaweicloud.account=account", "--huaweicloud.password-file", passwordVariable},
		} {
			check := func(origin string, args ...string) {
				t.Helper()
				got, err := readSecret(t, append(args, signIn.id)...)
				switch {
				case c.refusal == "" && (got != c.want || err != nil):
					t.Errorf("%s of %s: got %q, %v", c.name, origin, got, err)
				case c.refusal != "" && (err == nil || !strings.HasPrefix(err.Error(), origin+": ") || !strings.Contains(err.Error(), c.refusal)):
					t.Errorf("%s of %s: got error %v, want %q", c.name, origin, err, c.refusal)
				case err != nil && strings.Contains(err.Error(), "cret"):
					t.Errorf("%s of %s: the error repeats the secret: %v", c.name, origin, err)
				}
			}
			check(signIn.flag, signIn.flag+"="+writeTemp(t, c.content))
			if !strings.Contains(c.content, "\x00") && c.name != "huge" {
				t.Setenv(signIn.variable, c.content)
				check(signIn.variable)
			}
		}
	}
}

func TestSecretOfAPipeIsReadOnce(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pipe := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(pipe); err != nil {
		t.Skip(err)
	}
	if _, err := w.WriteString("secret\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got, err := readSecret(t, "--huaweicloud.app-id=app", "--huaweicloud.app-key-file="+pipe); got != "secret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSecretAsFileNameIsNotRepeated(t *testing.T) {
	for _, name := range []string{"s3cret", "s3cret\x00", strings.Repeat("s3cret", 1000)} {
		_, err := readSecret(t, "--huaweicloud.app-id=app", "--huaweicloud.app-key-file="+name)
		if err == nil || !strings.HasPrefix(err.Error(), "--huaweicloud.app-key-file: ") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got error %.200v", err)
		}
	}
}

func TestSecretVariable(t *testing.T) {
	for args, want := range map[string]string{
		"--huaweicloud.app-id=a":                                     appKeyVariable,
		"--huaweicloud.app-id=a --huaweicloud.app-key-file=f":        "",
		"--huaweicloud.account=a --huaweicloud.app-key-file=f":       passwordVariable,
		"--huaweicloud.account=a --huaweicloud.password-file=f":      "",
		"--huaweicloud.app-id=a --huaweicloud.password-file=ignored": appKeyVariable,
	} {
		_, opts, err := parseFlags(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		if got := opts.secretVariable(); got != want {
			t.Errorf("%s: got %q, want %q", args, got, want)
		}
	}
}

func TestNamesAreCleaned(t *testing.T) {
	for flag, value := range map[string]func(*options) string{
		"--huaweicloud.app-id":  func(o *options) string { return o.appID },
		"--huaweicloud.user-id": func(o *options) string { return o.userID },
		"--huaweicloud.corp-id": func(o *options) string { return o.corpID },
		"--huaweicloud.account": func(o *options) string { return o.account },
	} {
		_, opts, err := parseFlags([]string{flag + "=\uFEFF née 1 \r\n"})
		if err != nil {
			t.Errorf("%s: %v", flag, err)
		} else if got := value(opts); got != "née 1" {
			t.Errorf("%s: got %q", flag, got)
		}
		for _, bad := range []string{"n\x00e", "n\ne", "n\xe9e", "n\u0085e"} {
			if _, _, err := parseFlags([]string{flag + "=" + bad}); err == nil || !strings.HasPrefix(err.Error(), flag+": ") || strings.Contains(err.Error(), bad) {
				t.Errorf("%s=%q: got error %v", flag, bad, err)
			}
		}
	}
}
