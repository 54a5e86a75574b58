package client

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"huaweicloud_meeting_exporter/bench"
)

// BenchmarkPage reads a page of 500 rows from its bytes to meetings, beside
// reading all of its fields with encoding/json, beside checking nothing but its
// syntax, which is the floor, and beside reading nothing but the bytes.
func BenchmarkPage(b *testing.B) {
	body := bench.Page(bench.Rows(500), 500)
	run := func(name string, read func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				read()
			}
		})
	}
	run("meetings", func() {
		p, err := decodePage(body, bench.Now)
		if err != nil || len(p.rows) != 500 || p.rows[7].meeting.UUID == "" {
			b.Fatal(err)
		}
	})
	run("all-fields", func() {
		var p bench.FullPage
		if err := json.Unmarshal(body, &p); err != nil || len(p.Data) != 500 || p.Data[7].ConfUUID == "" {
			b.Fatal(err)
		}
	})
	run("syntax", func() {
		if !jsontext.Value(body).IsValid(jsonOptions()) {
			b.Fatal("not valid")
		}
	})
	run("bytes", func() {
		if all, err := io.ReadAll(bytes.NewReader(body)); err != nil || len(all) != len(body) {
			b.Fatal(err)
		}
	})
}
