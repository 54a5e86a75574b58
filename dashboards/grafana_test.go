package dashboards_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// view is a dashboard as Grafana shows it: with a time range, and values of
// its variables.
type view struct {
	from, to  time.Time
	interval  time.Duration // what $__interval is at least
	scrape    time.Duration // the scrape interval set for the data source
	variables map[string]string
}

// pixels is how wide Grafana takes a panel to be, at one point for each.
const pixels = 1000

// step is the $__interval of a query.
func (v view) step(t *testing.T, q target) time.Duration {
	t.Helper()
	least := max(v.interval, v.scrape)
	if q.Interval != "" {
		text := q.Interval
		if days, ok := strings.CutSuffix(text, "d"); ok {
			text = days + "h"
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if text != q.Interval {
			d *= 24
		}
		least = max(least, d)
	}
	return max(least, v.to.Sub(v.from)/pixels).Truncate(time.Second)
}

// variableName is a variable in a query, built in or not.
var variableName = regexp.MustCompile(`\$\w+`)

// interpolate puts the values of all variables into the expression of a query.
func (v view) interpolate(t *testing.T, q target) string {
	t.Helper()
	step := v.step(t, q)
	seconds := func(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }
	return variableName.ReplaceAllStringFunc(q.Expr, func(name string) string {
		switch name {
		case "$1": // of label_replace
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
			t.Errorf("no variable %s for %s", name, q.Expr)
		}
		return value
	})
}

// queryVariables asks for the values that the variables of a dashboard offer,
// in their order, and chooses all of them, as the default does.
func (p server) queryVariables(t *testing.T, d dashboard) map[string]string {
	t.Helper()
	chosen := map[string]string{}
	for _, v := range d.Templating.List {
		switch v.Type {
		case "query":
			call := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(v.Definition)
			if call == nil || !strings.Contains(string(v.Query), `"refId"`) {
				t.Fatalf("variable %s: %s", v.Name, v.Definition)
			}
			selector := view{variables: chosen}.interpolate(t, target{Expr: call[1]})
			options := p.values(t, call[2], selector)
			if len(options) == 0 {
				t.Errorf("variable %s offers nothing", v.Name)
			}
			chosen[v.Name] = anyOf(options)
		case "custom":
			chosen[v.Name], _ = v.Current.Value.(string)
		}
	}
	return chosen
}

// anyOf is a regular expression, in a string of PromQL, for some values.
func anyOf(values []string) string {
	var quoted []string
	for _, v := range values {
		quoted = append(quoted, strings.ReplaceAll(regexp.QuoteMeta(v), `\`, `\\`))
	}
	return "(" + strings.Join(quoted, "|") + ")"
}
