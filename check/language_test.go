package check_test

import (
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/check"
	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/simulator"
)

var (
	// foreign is what came back. It is in English, behind a colon.
	foreign  = regexp.MustCompile(`(错误信息|缺少\p{Han}+|无法读取|无法使用|退出登录失败)：[ -~]+`)
	sentence = regexp.MustCompile(`[A-Za-z]+ [a-z]+`)
	// crowded is a Latin letter or a digit beside a Chinese character, and
	// punctuation of one language in the other.
	crowded = regexp.MustCompile(`\p{Han}[-A-Za-z0-9]|[A-Za-z0-9]\p{Han}|\p{Han} ?[,.:;()]| [，。：；、（）]|[，。：；、（）] `)
	marks   = map[string]string{"ok    ": "正常  ", "note  ": "注意  ", "FAIL  ": "失败  ", "      ": "      "}
)

// compare fails the test if the two outputs do not have the same lines, or if
// English is left in the second.
func compare(t *testing.T, english, chinese string) {
	t.Helper()
	want, got := strings.Split(english, "\n"), strings.Split(chinese, "\n")
	if len(want) != len(got) {
		t.Errorf("got\n%s\nwant as many lines as in\n%s", chinese, english)
		return
	}
	for i, line := range got {
		for mark, translation := range marks {
			if strings.HasPrefix(want[i], mark) != strings.HasPrefix(line, translation) {
				t.Errorf("got the mark of %q, want that of %q", line, want[i])
			}
		}
		rest := foreign.ReplaceAllString(line, "$1：")
		for _, fault := range []*regexp.Regexp{sentence, crowded} {
			if found := fault.FindString(rest); found != "" {
				t.Errorf("%q is in %q", found, rest)
			}
		}
	}
}

func TestCheckOfSeveralEnterprises(t *testing.T) {
	server := httptest.NewServer(simulator.New(simulator.Config{Seed: 3, MeetingsPerDay: 100, AppID: "app", AppKey: "the-key"}))
	defer server.Close()
	enterprise := func(name, key string) check.Enterprise {
		return check.Enterprise{Name: name, Config: config(client.Config{
			Endpoint: server.URL, AppID: "app", Secret: secret(key), Timeout: 10 * time.Second, MaxRequestsPerMinute: 60000,
		}, 24*time.Hour)}
	}
	a, b, wrong := enterprise("a", "the-key"), enterprise("东", "the-key"), enterprise("c", "wrong")
	wrong.Config.SecretVariable = "APP_KEY"
	unset := check.Enterprise{Name: "d", Err: errors.New("enterprises.yaml:9: app_key_file: required")}
	for name, c := range map[string]struct {
		all   []check.Enterprise
		err   string
		words []string
		last  string
	}{
		"all work": {[]check.Enterprise{a, b}, "", []string{`Enterprise "a"`, `Enterprise "东"`}, "Polling will work for all 2 enterprises."},
		"some do not": {
			[]check.Enterprise{wrong, a, unset},
			`polling would not work for 2 of 3 enterprises: "c", "d"`,
			[]string{"FAIL  The App Key is wrong.", "copy it again to the environment variable APP_KEY.", "FAIL  Its settings cannot be used: enterprises.yaml:9: app_key_file: required", "ok    Polling will work."},
			"",
		},
		"one works":    {[]check.Enterprise{b}, "", []string{`Enterprise "东"`}, "ok    Polling will work."},
		"one does not": {[]check.Enterprise{wrong}, "polling would not work: the App Key is wrong", []string{`Enterprise "c"`}, ""},
		"one unusable": {[]check.Enterprise{unset}, unset.Err.Error(), []string{`Enterprise "d"`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var english, chinese strings.Builder
			err := check.RunAll(t.Context(), check.English, c.all, &english)
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("got error %v, want %s", err, c.err)
			}
			for _, words := range c.words {
				if strings.Count(english.String(), words) != 1 {
					t.Errorf("got\n%s\nwant %q once in it", &english, words)
				}
			}
			if !strings.HasSuffix(english.String(), c.last+"\n") && c.last != "" || strings.Contains(english.String(), "polling would not") {
				t.Errorf("got\n%s\nwant the last line %q", &english, c.last)
			}
			if got := check.RunAll(t.Context(), check.Chinese, c.all, &chinese); (got == nil) != (err == nil) || err != nil && got.Error() != err.Error() {
				t.Errorf("got error %v in Chinese, want %v", got, err)
			}
			compare(t, english.String(), chinese.String())
		})
	}
}
