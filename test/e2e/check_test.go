package e2e_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/simulator"
)

// The tests of the package check have the other faults. This one is about exit
// status and streams.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role        simulator.Role
		fault       simulator.Fault
		key         string
		unreachable bool
		locale      string
		status      int
		wants       []string // on standard output
	}{
		"administrator":        {wants: []string{"Signed in at", "is an administrator", "The attendance of a meeting was read: ", "Polling will work."}},
		"in Chinese":           {locale: "zh_CN.UTF-8", wants: []string{"该用户是管理员", "已读取一场会议的参会记录：", "轮询可以正常进行。"}},
		"wrong key in Chinese": {locale: "zh_TW.UTF-8", key: "wrong-key", status: 1, wants: []string{"密钥（App Key）不正确。", "处理办法：", "由 --huaweicloud.app-key-file 指定的文件"}},
		"user":                 {role: simulator.User, wants: []string{"not an administrator", "only their own meetings", "Polling will work."}},
		"wrong key":            {key: "wrong-key", status: 1, wants: []string{"The App Key is wrong.", "to the file that --huaweicloud.app-key-file names."}},
		"unreachable":          {unreachable: true, status: 1, wants: []string{"No complete answer comes from "}},
		"a web site":           {fault: simulator.HTML(), status: 1, wants: []string{"is not the meeting API."}},
		"no permission": {
			fault:  onHistory(simulator.Answer(http.StatusForbidden, "MMC.1", "no")),
			status: 1, wants: []string{"The user may not list the history of meetings."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			service, url := newService(t, simulator.Config{MeetingsPerDay: 100, Worldwide: true, Role: c.role})
			service.SetFault(c.fault)
			if c.unreachable {
				url = "http://" + freeAddress(t)
			}
			p := start(t, "env", append([]string{"LC_ALL=" + cmp.Or(c.locale, "C"), exporter, "check"}, signIn(t, url, cmp.Or(c.key, testAppKey))...)...)
			if got := p.exitStatus(t); got != c.status {
				t.Errorf("got exit status %d, want %d", got, c.status)
			}
			stdout, stderr := p.stdout.String(), p.stderr.String()
			for _, want := range c.wants {
				if len(linesWith(stdout, want)) != 1 {
					t.Errorf("got on standard output\n%s\nwant one line with %q", stdout, want)
				}
			}
			if success := strings.Contains(stdout, "Polling will work") || strings.Contains(stdout, "轮询可以正常进行"); success != (c.status == 0) {
				t.Errorf("got on standard output\n%s\nsuccess: %t", stdout, success)
			}
			if got := len(linesWith(stderr, "error: polling would not work: ")); got != c.status || strings.Count(stderr, "\n") != c.status {
				t.Errorf("got on standard error\n%s\nwant %d lines in English", stderr, c.status)
			}
			if got := service.LiveTokens(); got != 0 {
				t.Errorf("got %d live tokens afterwards, want none", got)
			}
		})
	}
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	simulate := start(t, exporter, "simulate", "--simulate.listen-address=127.0.0.1:0")
	url := simulate.find(t, &simulate.stdout, `listens on (http://\S+?)\. `)
	for key, want := range map[string]int{"demo-app-key": 0, "another-key": 1} {
		p := start(t, "env", "LC_ALL=C", "HUAWEICLOUD_MEETING_APP_KEY="+key, exporter, "check",
			"--huaweicloud.endpoint="+url, "--huaweicloud.app-id=demo")
		got := p.exitStatus(t)
		out := p.stdout.String()
		if refused := strings.Contains(out, "The App Key is wrong.") && strings.Contains(out, "to the environment variable HUAWEICLOUD_MEETING_APP_KEY."); got != want || refused != (want == 1) {
			t.Errorf("check with the key %s: got exit status %d, want %d\n%s", key, got, want, out)
		}
	}
}

// A part of the password must not reach a log, not even as the name of a host.
func TestProxyThatGoWouldMisread(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		for _, command := range []string{"serve", "check"} {
			args := append(signIn(t, "https://meeting.example", testAppKey), "--web.listen-address=127.0.0.1:0", command)
			p := start(t, "env", append([]string{variable + "=http://user:p@ss#1@proxy.example", exporter}, args...)...)
			p.checkRefusal(t, "environment variable "+variable+": ")
			if stderr := p.stderr.String(); strings.Contains(stderr, "p@ss") || strings.Contains(stderr, "ss#") {
				t.Errorf("got on standard error\n%s", stderr)
			}
		}
	}
}
