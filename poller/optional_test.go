package poller_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"huaweicloud_meeting_exporter/meeting"
	"huaweicloud_meeting_exporter/simulator"
	"huaweicloud_meeting_exporter/test/stack"
)

// inProgress returns the samples of a family that are not 0, by department.
func inProgress(s *stack.Simulated, name string) map[string]float64 {
	byDepartment := map[string]float64{}
	for _, m := range s.Scrape()[name].GetMetric() {
		if v := m.GetGauge().GetValue(); v != 0 {
			byDepartment[m.GetLabel()[1].GetValue()] += v
		}
	}
	return byDepartment
}

func TestLiveGaugesEqualTheTruth(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Service.MeetingsPerDay, o.Service.Worldwide = 300, true }, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunOptional()
		for range 30 {
			s.Pass(7 * time.Minute)
			meetings, people := map[string]float64{}, map[string]float64{}
			records, in := s.Service.Running(time.Now())
			for i, r := range records {
				meetings[meeting.Department(r.DeptName)]++
				people[meeting.Department(r.DeptName)] += float64(in[i])
			}
			if diff := cmp.Diff(meetings, inProgress(s, "running_meetings")); diff != "" || len(meetings) == 0 {
				t.Errorf("meetings (-truth +got):\n%s", diff)
			}
			if diff := cmp.Diff(people, inProgress(s, "online_participants")); diff != "" {
				t.Errorf("people (-truth +got):\n%s", diff)
			}
		}
	})
}

// running returns a record of a meeting that runs for two hours from noon.
func running(uuid, department string) simulator.Record {
	begin := time.Date(2026, 3, 4, 4, 0, 0, 0, time.UTC)
	return simulator.Record{ConfUUID: uuid, DeptName: department, Start: begin, End: begin.Add(2 * time.Hour), ConfType: "FUTURE"}
}

func TestLabelsOfLiveMeetings(t *testing.T) {
	onlyAdded := func(o *stack.Options) { o.Service.MeetingsPerDay, o.Ledger.MaxDepartments = 0, 2 }
	stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
		ended := running("0", "known")
		ended.Start, ended.End = ended.Start.Add(-2*time.Hour), ended.Start.Add(-time.Hour)
		s.Service.Add(ended, running("1", "b"), running("2", "a"), running("3", "a"), running("4", ""))
		s.Service.SetVariant(simulator.Variant{OnlineCount: simulator.OnlineCountSometimes})
		s.Run()
		s.Pass(time.Minute)
		s.Live.Round(t.Context())
		s.Want(0, "running_meetings", "scheduled", "known")
		s.Want(0, "online_participants", "scheduled", "known")
		s.Want(2, "running_meetings", "scheduled", "a")
		s.Want(1, "running_meetings", "scheduled", "other")
		s.WantNone("running_meetings", "scheduled", "b")
		s.Want(1, "running_meetings", "scheduled", "unknown")

		s.Service.SetVariant(simulator.Variant{OnlineCount: simulator.OnlineCountNever})
		s.Pass(time.Minute)
		s.Live.Round(t.Context())
		s.Want(4, "running_meetings_without_count")
		s.WantNone("online_participants", "scheduled", "a")
		s.Want(0, "online_participants", "scheduled", "known")

		s.Pass(3 * time.Hour) // they end, and b takes the last place
		if _, err := s.Poller.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Service.Add(running("5", "never seen"))
		s.Service.Edit("5", func(r *simulator.Record) { r.End = r.End.Add(24 * time.Hour) })
		s.Live.Round(t.Context())
		s.WantNone("running_meetings", "scheduled", "never seen")
		s.Want(1, "running_meetings", "scheduled", "other")
	})
}

func TestOptionalSamplesVanish(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		want := func(shown bool, names ...string) {
			t.Helper()
			families := s.Scrape()
			for _, name := range names {
				if got := families[name] != nil; got != shown {
					t.Errorf("at %s, %s is shown: %v", time.Now().Format(time.TimeOnly), name, got)
				}
			}
		}
		live := []string{"running_meetings", "online_participants", "running_meetings_without_count"}
		usage := []string{"concurrent_participants", "live_streams", "recording_storage_bytes", "today_active_users", "today_meetings", "today_attendances"}
		quotas := []string{"concurrent_participants_quota", "live_streams_quota", "recording_storage_quota_bytes", "resource_quota", "resource_used", "resource_expired", "resource_expiring", "resource_expiry_timestamp_seconds"}
		s.Run()
		want(false, append(append(live, usage...), quotas...)...)
		want(false, "collector_last_success_timestamp_seconds")
		s.Want(0, "collector_success", "live")
		s.RunOptional()
		s.Pass(10 * time.Second) // behind the history
		want(true, append(append(live, usage...), quotas...)...)
		s.Want(1, "collector_success", "live")
		s.Want(1, "collector_success", "resources")
		s.Service.SetFault(simulator.Answer(500, "", ""))
		s.Pass(4 * time.Minute)
		want(true, live...)
		s.Pass(time.Minute)
		want(false, live...)
		s.Want(0, "collector_success", "live")
		s.Pass(19 * time.Minute)
		want(true, usage...)
		s.Pass(2 * time.Minute)
		want(false, usage...)
		s.Pass(220 * time.Minute)
		want(true, quotas...)
		s.Pass(10 * time.Minute)
		want(false, quotas...)
		if n := len(s.Log.Lines("level=warn", "collector=")); n != 4 {
			t.Errorf("%d warnings of one outage of 4 sources: %s", n, s.Log)
		}
		s.Service.SetFault(nil)
		s.Pass(6 * time.Minute)
		want(true, append(append(live, usage...), quotas...)...)
		if n := len(s.Log.Lines("level=info", "succeeds again", "collector=")); n != 4 {
			t.Errorf("%d lines of the end of an outage: %s", n, s.Log)
		}
	})
}

func TestQuotasAreReadEveryTenthTime(t *testing.T) {
	stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
		s.Run()
		s.RunOptional()
		s.Pass(100*time.Minute + 10*time.Second)
		for path, want := range map[string]int{simulator.PathUsage: 21, simulator.PathQuotas: 3, simulator.PathBought: 3, simulator.PathOnline: 101} {
			if got := s.Service.Requests(path); got != want {
				t.Errorf("%d requests for %s, want %d", got, path, want)
			}
		}
		s.Service.SetFault(simulator.On(simulator.PathQuotas, simulator.HTML()))
		s.Pass(51 * time.Minute)
		s.Want(0, "collector_success", "resources")
		s.Service.SetFault(nil)
		s.Pass(5 * time.Minute)
		s.Want(1, "collector_success", "resources") // it did not wait for the next tenth time
	})
}

func TestRefusedIsTriedEveryHour(t *testing.T) {
	for _, c := range []struct {
		path, collector, lacks string
	}{
		{simulator.PathOnline, "live", "the meetings in progress"},
		{simulator.PathUsage, "resources", "the resources in use"},
		{simulator.PathQuotas, "resources", "the resources bought"},
		{simulator.PathBought, "resources", "the expiry dates of resources"},
	} {
		for status, code := range map[int]string{403: "USG.1", 404: "APIGW.0101"} {
			if status == 404 && c.path != simulator.PathOnline {
				continue
			}
			t.Run(fmt.Sprint(c.lacks, " ", status), func(t *testing.T) {
				stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
					s.Service.SetFault(simulator.On(c.path, simulator.Answer(status, code, "")))
					s.Run()
					s.RunOptional()
					s.Pass(3*time.Hour + 10*time.Second)
					// After a 403, the second attempt comes once the history was polled.
					if n := s.Service.Requests(c.path); n != 4 {
						t.Errorf("%d attempts in 3 hours, want 4", n)
					}
					if lines := s.Log.Lines("collector="); len(lines) != 1 || !strings.Contains(lines[0], c.lacks) || !strings.Contains(lines[0], "--no-collector."+c.collector) {
						t.Errorf("log: %q", lines)
					}
					for _, other := range []string{"live", "resources"} {
						want := 1.0
						if other == c.collector {
							want = 0
						}
						s.Want(want, "collector_success", other)
					}
					s.Want(1, "up")
					if n := s.Service.Requests(simulator.PathAppAuth); n != 1 {
						t.Errorf("%d sign-ins", n)
					}
					s.Service.SetFault(nil)
					s.Pass(time.Hour + 10*time.Second)
					s.Want(1, "collector_success", c.collector)
				})
			})
		}
	}
}

// A first refusal is not logged: it may come from a dead token.
func TestLogOfOptionalFailures(t *testing.T) {
	failure, refusal := simulator.Answer(503, "MMC.1", ""), simulator.Answer(403, "USG.1", "")
	for name, c := range map[string]struct {
		faults []simulator.Fault
		want   []string
	}{
		"refused once":         {[]simulator.Fault{refusal}, nil},
		"failed":               {[]simulator.Fault{failure}, []string{"fails", "succeeds again"}},
		"refused, then failed": {[]simulator.Fault{refusal, failure}, []string{"fails", "succeeds again"}},
		"failed, then refused": {[]simulator.Fault{failure, refusal}, []string{"fails", "succeeds again"}},
		"failed around it":     {[]simulator.Fault{failure, refusal, failure}, []string{"fails", "still fails", "succeeds again"}},
	} {
		t.Run(name, func(t *testing.T) {
			stack.Simulate(t, onlyAdded, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				for _, fault := range append(c.faults, nil) {
					if fault != nil {
						fault = simulator.On(simulator.PathOnline, fault)
					}
					s.Service.SetFault(fault)
					s.Live.Round(t.Context())
					s.Pass(3 * time.Minute)
				}
				lines := s.Log.Lines("collector=live")
				for i, want := range c.want {
					if len(lines) != len(c.want) || !strings.Contains(lines[i], want) {
						t.Fatalf("log: %q, want lines with %q", lines, c.want)
					}
				}
				if len(lines) > len(c.want) {
					t.Errorf("log: %q", lines)
				}
			})
		})
	}
}

// A dead token may look like a refusal.
func TestDeadTokenIsNoRefusal(t *testing.T) {
	for _, form := range []simulator.DeadTokenForm{simulator.DeadTokenUnauthorized, simulator.DeadTokenForbidden, simulator.DeadTokenNoBody, simulator.DeadTokenOK} {
		stack.Simulate(t, func(o *stack.Options) { o.Service.Variant.DeadToken = form }, func(_ *testing.T, s *stack.Simulated) {
			s.Run()
			s.Pass(30 * time.Second) // Live reads between two polls
			s.RunOptional()
			s.Pass(10 * time.Second)
			s.Service.RevokeTokens()
			s.Pass(3 * time.Minute)
			if form != simulator.DeadTokenNoBody { // the history needs longer to see that
				s.Want(1, "collector_success", "live")
			}
			s.Pass(70 * time.Minute)
			s.Want(1, "collector_success", "live")
			s.Want(1, "collector_success", "resources")
		})
	}
}

// Live reads several times before a poll of the history replaces the token.
func TestDeadTokenBetweenRarePolls(t *testing.T) {
	for _, interval := range []time.Duration{2 * time.Minute, 5 * time.Minute, 20 * time.Minute} {
		stack.Simulate(t, func(o *stack.Options) {
			o.SetInterval(interval)
			o.Service.Variant.DeadToken = simulator.DeadTokenForbidden
		}, func(_ *testing.T, s *stack.Simulated) {
			s.Run()
			s.RunOptional()
			s.Pass(10 * time.Second)
			s.Service.RevokeTokens()
			s.Pass(2*interval + time.Minute)
			s.Want(1, "collector_success", "live")
			if lines := s.Log.Lines("collector="); len(lines) > 0 {
				t.Errorf("log: %q", lines)
			}
		})
	}
}

// Live and Resources must not slow the history down, nor sign in for it.
func TestOptionalSparesTheHistory(t *testing.T) {
	stack.Simulate(t, func(o *stack.Options) { o.Client.MaxRequestsPerMinute = 3 }, func(t *testing.T, s *stack.Simulated) {
		slow := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(20 * time.Second)
			next.ServeHTTP(w, r)
		}
		s.Service.SetFault(simulator.On(simulator.PathOnline, slow))
		s.Run()
		s.RunOptional()
		s.Pass(time.Hour)
		if n := polls(s); n["sweep"]+n["tail"] != 61 {
			t.Errorf("polls %v in an hour", n)
		}
		s.Service.SetFault(nil)
		s.Pass(time.Minute)
	})
}

func TestOptionalLeaksNothing(t *testing.T) {
	const secret = "Erika-Mustermann"
	for name, fault := range map[string]simulator.Fault{
		"HTML":           simulator.Body(200, "text/html", secret),
		"200 with error": simulator.Answer(200, secret+"?", secret),
		"400":            simulator.Answer(400, secret+"?", secret),
		"403":            simulator.Answer(403, secret+"?", secret),
		"redirect":       simulator.Redirect("http://" + secret + ".example/"),
		"rows": simulator.Body(200, "application/json", strings.ReplaceAll(`{"count":3,"data":[{"confUUID":"$","subject":"$","scheduserName":"$",
			"passwordEntry":[{"password":"$"}],"chairJoinUri":"$","confType":"$","onlineAttendeeAmount":"$","partAttendeeInfo":[{"name":"$"}]},
			{"id":"$","type":"$","expireDate":"$","status":"$"},"$"],"vmr":[{"vmrName":"$","vmrPkgParties":"$"}],"confCount":"$","$":"$"}`, "$", secret)),
	} {
		t.Run(name, func(t *testing.T) {
			stack.Simulate(t, nil, func(t *testing.T, s *stack.Simulated) {
				s.Run()
				for _, path := range []string{simulator.PathOnline, simulator.PathUsage, simulator.PathQuotas, simulator.PathBought} {
					s.Service.SetFault(simulator.On(path, fault))
					s.Live.Round(t.Context())
					s.Resources.Round(t.Context())
					s.Pass(6 * time.Minute)
				}
				families, err := s.Stack.Scrape()
				if err != nil {
					t.Fatal(err)
				}
				if text := fmt.Sprint(families, s.Log); strings.Contains(text, secret) {
					t.Error(text)
				}
			})
		})
	}
}
