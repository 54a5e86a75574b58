package deploy

import (
	"strings"
	"testing"
)

func TestInvalidValues(t *testing.T) {
	for _, test := range []struct{ values, want string }{
		{"args: [--huaweicloud.app-id=demo]", "secret: needs a name or a value"},
		{"secret: {name: mine}", "args: needs --huaweicloud.app-id"},
		{several + "secret: {name: mine}", "secret: cannot be used together with enterprises"},
		{several + "secret: {value: x}", "secret: cannot be used together with enterprises"},
		{several + "args: [--huaweicloud.account=me]", "args: the sign-in cannot be used together with enterprises"},
		{several + "args: [--config.file=mine]", "/args/0"},
		{several + "  - {name: north, account: me, secret: {name: a, key: b}}", "enterprises: the name \"north\" comes twice"},
		{several + "  - {name: a, secret: {name: a, key: b}}", "/enterprises/3"},
		{several + "  - {name: a, account: me, appId: x, secret: {name: a, key: b}}", "/enterprises/3"},
		{several + "  - {name: a, account: me, corpId: x, secret: {name: a, key: b}}", "/enterprises/3"},
		{several + "  - {name: a, account: me, appKey: x}", "/enterprises/3"},
		{several + "  - {name: a, account: me, secret: {value: x}}", "/enterprises/3/secret"},
		{required + "replicas: 2", "'replicas' not allowed"},
		{required + "persistence: {sise: 1Gi}", "'sise' not allowed"},
		{required + "persistence: {size: big}", "/persistence/size"},
		{required + "persistence: {enabled: please}", "/persistence/enabled"},
		{required + "service: {port: 70000}", "/service/port"},
		{required + "image: {pullPolicy: Sometimes}", "/image/pullPolicy"},
		{required + "language: zh", "/language"},
		{required + "serviceMonitor: {interval: soon}", "/serviceMonitor/interval"},
		{required + "podLabels: {a: 1}", "/podLabels/a"},
		{required + "podSecurityContext: none", "/podSecurityContext"},
		{required + "prometheusRule: {source: {job: \"it's\"}}", "/prometheusRule/source/job"},
		{"args: [demo]\nsecret: {name: mine}", "/args/0"},
		{"args: [--storage.path=elsewhere]\nsecret: {name: mine}", "/args/0"},
		{"args: [--web.listen-address=:80]\nsecret: {name: mine}", "/args/0"},
	} {
		if _, err := helm(t, test.values, "template", "meetings", chart); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\ngot error %v, want %q", test.values, err, test.want)
		}
	}
}

type schema struct {
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties any               `json:"additionalProperties"`
}

// TestSchema checks that values.yaml documents the values that the schema
// allows, and no others.
func TestSchema(t *testing.T) {
	var allowed schema
	var values map[string]any
	decode(t, "values.schema.json", &allowed)
	decode(t, "values.yaml", &values)
	delete(allowed.Properties, "global")  // Helm itself adds it
	delete(allowed.Properties, "enabled") // a parent chart reads it
	compare(t, "values", allowed, values)
}

func compare(t *testing.T, where string, allowed schema, values map[string]any) {
	if allowed.AdditionalProperties != false {
		t.Errorf("the schema of %s allows additional properties", where)
	}
	for name, inner := range allowed.Properties {
		value, ok := values[name]
		if !ok {
			t.Errorf("%s.%s is not in values.yaml", where, name)
		}
		if inner.Properties != nil {
			compare(t, where+"."+name, inner, value.(map[string]any))
		}
	}
	for name := range values {
		if _, ok := allowed.Properties[name]; !ok {
			t.Errorf("%s.%s is not in the schema", where, name)
		}
	}
}
