package backfill_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"huaweicloud_meeting_exporter/backfill"
	"huaweicloud_meeting_exporter/simulator"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	now := to.Add(4 * time.Hour)
	for want, change := range map[string]func(*backfill.Config){
		"":                                              func(*backfill.Config) {},
		"--step: 7m0s is not":                           func(c *backfill.Config) { c.Step = 7 * time.Minute },
		"--step: 30s is not":                            func(c *backfill.Config) { c.Step = 30 * time.Second },
		"--from: 1999-12-28T06:03:00Z is":               func(c *backfill.Config) { c.From = from.Add(3 * time.Minute) },
		"--to: 1999-12-30T18:03:00Z is not a":           func(c *backfill.Config) { c.To = to.Add(3 * time.Minute) },
		"--to: 1999-12-28T06:00:00Z is not":             func(c *backfill.Config) { c.To = from },
		"the latest possible time is 1999-12-30T19":     func(c *backfill.Config) { c.To = now },
		"--output: needed":                              func(c *backfill.Config) { c.Output = "" },
		"--job: must":                                   func(c *backfill.Config) { c.Job = "" },
		"--instance: must":                              func(c *backfill.Config) { c.Instance = "" },
		`--job: "a\xff" is not valid UTF-8`:             func(c *backfill.Config) { c.Job = "a\xff" },
		`--instance: "a\xff" is not valid UTF-8`:        func(c *backfill.Config) { c.Instance = "a\xff" },
		"--label: job has a flag of its own: use --job": func(c *backfill.Config) { c.Labels = map[string]string{"job": "x"} },
		"--label: instance has a flag of its own":       func(c *backfill.Config) { c.Labels = map[string]string{"instance": "x"} },
		"--label: __name__ is reserved":                 func(c *backfill.Config) { c.Labels = map[string]string{"__name__": "x"} },
		`--label: "a-b" is not the name`:                func(c *backfill.Config) { c.Labels = map[string]string{"a-b": "x"} },
		`--label: "" is not the name`:                   func(c *backfill.Config) { c.Labels = map[string]string{"": "x"} },
		"--label: site must not be empty":               func(c *backfill.Config) { c.Labels = map[string]string{"site": ""} },
		`--label: the value "\xff" of site is not`:      func(c *backfill.Config) { c.Labels = map[string]string{"site": "\xff"} },
	} {
		cfg := config(t, nil)
		change(&cfg)
		switch err := cfg.Validate(now); {
		case want == "" && err != nil:
			t.Errorf("got error %v, want none", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(simulator.RangeStart, 50)
		service.SetFault(simulator.On(simulator.PathHistory, simulator.Body(http.StatusOK, "application/json", `{"count": 1, "data": [{
			"confUUID": "u", "deptName": "R`+"\xff"+`D", "startTime": "1999-12-28 06:10", "endTime": "1999-12-28 06:20"}]}`)))
		cfg := config(t, service)
		cfg.To = from.Add(2 * step)
		cfg.Labels = map[string]string{"site": `a "b" \`, "enterprise": "一"}
		if err := cfg.Validate(time.Now()); err != nil {
			t.Fatal(err)
		}
		run(t, service, cfg)
		known := map[string]bool{}
		for name := range readFiles(t, cfg.Output) {
			if !strings.Contains(name, `{enterprise="一",instance="an instance",job="a job",site="a \"b\" \\"`) {
				t.Errorf("%s lacks the labels", name)
			}
			for _, label := range regexp.MustCompile(`[{,](\w+)="`).FindAllStringSubmatch(name, -1) {
				known[label[1]] = true
			}
			// As the live exporter shows it.
			if _, department, found := strings.Cut(name, "department="); found && department != "\"R\uFFFDD\"}" {
				t.Errorf("got department %s", department)
			}
		}
		for name := range known {
			other := cfg
			other.Labels = map[string]string{name: "x"}
			if err := other.Validate(time.Now()); (err == nil) != (name == "site" || name == "enterprise") {
				t.Errorf("label %s: got error %v", name, err)
			}
		}
	})
}
