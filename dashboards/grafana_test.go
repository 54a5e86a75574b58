//go:build !race

package dashboards_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/test/promserver"
)

// view is a dashboard as Grafana shows it, with a time range and values of the
// variables.
type view struct {
	from, to  time.Time
	interval  time.Duration // lower limit of $__interval
	scrape    time.Duration // scrape interval of the data source
	variables map[string]string
}

// newView returns a dashboard at its default time range, which ends at a time,
// with the values that Grafana offers for the variables.
func newView(t *testing.T, p promserver.Server, d dashboard, to time.Time) view {
	t.Helper()
	length := map[string]time.Duration{"now-24h": 24 * time.Hour, "now-7d/d": 7 * 24 * time.Hour, "now-14d/d": 14 * 24 * time.Hour}[d.Time.From]
	if length == 0 {
		t.Fatalf("%s: unexpected time range from %s", d.Title, d.Time.From)
	}
	v := view{from: to.Add(-length), to: to, scrape: scrapeInterval, variables: map[string]string{}}
	for _, variable := range d.Templating.List {
		switch variable.Type {
		case "query":
			v.variables[variable.Name] = v.allValues(t, p, variable)
		case "custom":
			v.variables[variable.Name], _ = variable.Current.Value.(string)
		}
	}
	return v
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// allValues returns a regular expression, in a string of PromQL, for all
// values of a variable. The query of the variable may use earlier variables.
func (v view) allValues(t *testing.T, p promserver.Server, variable variable) string {
	t.Helper()
	call := labelValues.FindStringSubmatch(variable.Definition)
	if call == nil || !strings.Contains(string(variable.Query), `"refId"`) {
		t.Fatalf("variable %s: definition %s, query %s", variable.Name, variable.Definition, variable.Query)
	}
	if variable.AllValue != "" {
		return variable.AllValue
	}
	var values []string
	p.Get(t, "label/"+call[2]+"/values", url.Values{"match[]": {v.interpolate(t, target{Expr: call[1]})}}, &values)
	if len(values) == 0 {
		t.Errorf("variable %s has no values", variable.Name)
	}
	for i, value := range values {
		values[i] = strings.ReplaceAll(regexp.QuoteMeta(value), `\`, `\\`)
	}
	return "(" + strings.Join(values, "|") + ")"
}

// step returns the $__interval of a query.
func (v view) step(t *testing.T, q target) time.Duration {
	t.Helper()
	const points = 1000 // Grafana asks for one for each pixel of the panel
	least := max(v.interval, v.scrape, v.to.Sub(v.from)/points)
	if q.Interval != "" {
		unit := time.Duration(1)
		text := q.Interval
		if days, ok := strings.CutSuffix(text, "d"); ok {
			unit, text = 24, days+"h"
		}
		interval, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		least = max(least, unit*interval)
	}
	return least.Truncate(time.Second)
}

var variableName = regexp.MustCompile(`\$\w+`)

// interpolate replaces the variables in the expression of a query.
func (v view) interpolate(t *testing.T, q target) string {
	t.Helper()
	step := v.step(t, q)
	seconds := func(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }
	return variableName.ReplaceAllStringFunc(q.Expr, func(name string) string {
		switch name {
		case "$1": // an argument of label_replace
			return name
		case "$__interval":
			return seconds(step)
		case "$__interval_ms":
			return fmt.Sprint(step.Milliseconds())
		case "$__range":
			return seconds(v.to.Sub(v.from))
		case "$__rate_interval":
			return seconds(max(step+v.scrape, 4*v.scrape))
		}
		value, ok := v.variables[name[1:]]
		if !ok {
			t.Errorf("there is no variable %s, which %s uses", name, q.Expr)
		}
		return value
	})
}

// run evaluates a query as Grafana does, at multiples of the step.
func (v view) run(t *testing.T, p promserver.Server, q target) []promserver.Series {
	t.Helper()
	expr := v.interpolate(t, q)
	if q.Instant {
		return p.At(t, expr, v.to)
	}
	step := v.step(t, q)
	return p.Over(t, expr, v.from.Truncate(step), v.to.Truncate(step), step)
}
