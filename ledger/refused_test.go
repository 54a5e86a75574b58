package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

func TestRefusedFiles(t *testing.T) {
	w := newStoredWorld(t)
	w.sweep()
	w.release()
	began := w.now
	w.tail(ended("attended", noon))
	ok(t, w.CountAttendance("attended", meeting.Attendance{Joins: 1, People: 1, Seconds: 5, Departments: map[string]int64{"sales": 5}}, noon, w.clock))
	w.release()
	w.RewriteNext() // so that frame 1 holds what the release stored
	w.sweep(ended("a", noon))
	w.tail(ended("b", noon))
	w.close()
	valid := read(w.path)
	payloads := payloadsOf(t, w.path)
	changed := func(frame, field int, value any) []byte {
		fields := map[int]any{}
		if err := cbor.Unmarshal(payloads[frame], &fields); err != nil {
			t.Fatal(err)
		}
		fields[field] = value
		payload, err := cbor.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		frames := append([][]byte{}, payloads...)
		frames[frame] = payload
		return ledger.Frames(frames...)
	}
	bbolt := make([]byte, 8192)
	copy(bbolt[16:], "\xed\xda\x0c\xed\x02\x00\x00\x00")

	for name, c := range map[string]struct {
		owner   string
		content []byte
		prepare func(t *testing.T, path string)
		words   string
	}{
		"other owner":           {"another", valid, nil, "another endpoint"},
		"newer format":          {owner, changed(0, 2, 3), nil, "format 3 where this version knows format 2: it was written by a newer version"},
		"newer head":            {owner, changed(0, 9, 1), nil, "written by a newer version"},
		"newer turn":            {owner, changed(2, 99, 1), nil, "written by a newer version"},
		"other format":          {owner, changed(0, 1, "something else"), nil, "damaged"},
		"first format":          {owner, bbolt, nil, "is a ledger of the first format, a bbolt database: move it away"},
		"text":                  {owner, []byte(strings.Repeat("text ", 10_000)), nil, "damaged"},
		"zeros":                 {owner, make([]byte, 10_000), nil, "damaged"},
		"a few bytes":           {owner, []byte("x"), nil, "damaged"},
		"only a head":           {owner, ledger.Frames(payloads[0]), nil, "damaged"},
		"a frame missing":       {owner, ledger.Frames(payloads[0], payloads[2]), nil, "damaged"},
		"a frame twice":         {owner, ledger.Frames(payloads[0], payloads[1], payloads[2], payloads[2], payloads[1]), nil, "damaged"},
		"no CBOR":               {owner, ledger.Frames(payloads[0], []byte("text")), nil, "damaged"},
		"horizon goes back":     {owner, changed(2, 2, 1), nil, "the horizon goes back"},
		"created twice":         {owner, changed(2, 1, 1), nil, "created twice"},
		"folded falls":          {owner, changed(2, 5, -1), nil, "the number of folded meetings falls"},
		"too late falls":        {owner, changed(2, 11, -1), nil, "the number of meetings that were too late falls"},
		"held again":            {owner, changed(2, 12, false), nil, "the fixed series begin twice"},
		"department twice":      {owner, changed(2, 6, []string{"sales"}), nil, "a department comes twice"},
		"unknown label set":     {owner, changed(2, 7, []any{map[int]any{1: 999}}), nil, "label set 999 is unknown"},
		"counter falls":         {owner, changed(2, 7, []any{map[int]any{1: 17, 2: true, 4: began.UnixNano(), 5: map[int]int{1: -1}}}), nil, "falls"},
		"sums without counter":  {owner, changed(1, 7, []any{map[int]any{1: 17, 5: map[int]int{1: 1}}}), nil, "has no counters"},
		"series out of order":   {owner, changed(1, 7, []any{map[int]any{1: 2}, map[int]any{1: 1}}), nil, "out of order"},
		"unknown histogram":     {owner, changed(2, 8, []any{map[int]any{1: 9, 4: 1}}), nil, "belongs to no histogram"},
		"histogram falls":       {owner, changed(2, 8, []any{map[int]any{1: 1, 2: 1, 3: 10}}), nil, "a histogram falls"},
		"meeting of no series":  {owner, changed(2, 9, []any{map[int]any{1: make([]byte, 16), 3: 999}}), nil, "unknown label set"},
		"negative number":       {owner, changed(2, 9, []any{map[int]any{1: make([]byte, 16), 2: 17, 3: 17, 5: map[int]int{1: -9}}}), nil, "a meeting has an impossible number"},
		"too many people":       {owner, changed(2, 9, []any{map[int]any{1: make([]byte, 16), 2: 17, 3: 17, 5: map[int]int{2: 2e6}}}), nil, "a meeting has an impossible number"},
		"an id of 15 bytes":     {owner, changed(2, 9, []any{map[int]any{1: make([]byte, 15), 2: 17, 3: 17}}), nil, "an impossible id"},
		"an id that is a list":  {owner, changed(2, 10, []any{make([]int, 16)}), nil, "an impossible id"},
		"a null":                {owner, ledger.Frames(payloads[0], []byte{0xf6}), nil, "impossible time"},
		"no payload":            {owner, ledger.Frames(payloads[0], nil), nil, "damaged"},
		"times before 1970":     {owner, changed(2, 4, -1), nil, "impossible time"},
		"times after 2200":      {owner, changed(2, 3, int64(1)<<62+1<<61+1<<60), nil, "impossible time"},
		"an end after 2200":     {owner, changed(2, 9, []any{map[int]any{1: make([]byte, 16), 2: 17, 3: 17, 4: 1<<31 - 1}}), nil, "impossible time"},
		"no baseline any more":  {owner, changed(2, 4, 0), nil, "the baseline is gone"},
		"sums that overflow":    {owner, changed(2, 7, []any{map[int]any{1: 17, 2: true, 4: began.UnixNano(), 5: map[int]int64{1: 1 << 62, 2: 9e6, 3: 900, 4: 900}}}), nil, "impossibly high"},
		"folded overflows":      {owner, changed(2, 5, int64(1)<<62), nil, "impossible number"},
		"counts that overflow":  {owner, changed(2, 8, []any{map[int]any{1: 1, 2: 1, 3: 10, 4: uint64(1) << 63}}), nil, "impossible number"},
		"a value too high":      {owner, changed(2, 8, []any{map[int]any{1: 1, 2: 1, 3: 2_000_000, 4: 1}}), nil, "impossible number"},
		"no department":         {owner, changed(2, 6, []string{""}), nil, "impossible name"},
		"millions of nothings":  {owner, changed(2, 9, make([]struct{}, 1<<20)), nil, "exceeded max number of elements"},
		"unknown forgotten":     {owner, changed(2, 10, [][]byte{make([]byte, 16)}), nil, "an unknown meeting is forgotten"},
		"attendance twice":      {owner, changed(2, 14, 1), nil, "the attendance begins twice"},
		"attendance held again": {owner, changed(2, 15, false), nil, "the attendance begins twice"},
		"a fourth reason":       {owner, changed(2, 16, []int{0, 0, 0, 1}), nil, "an unknown reason"},
		"negative unread":       {owner, changed(2, 16, []int{-1}), nil, "unread attendance is impossible"},
		"attended falls":        {owner, changed(2, 7, []any{map[int]any{1: 17, 2: true, 4: began.UnixNano(), 5: map[int]int64{1: 9, 2: 9e6, 3: 900, 4: 900}, 6: map[int]any{1: began.UnixNano()}}}), nil, "the attendance of label set 17 is impossible"},
		"attendees fall":        {owner, changed(2, 17, []any{map[int]any{1: 2, 2: began.UnixNano()}}), nil, "the time of attendees is impossible"},
		"attendees of nobody":   {owner, changed(2, 17, []any{map[int]any{1: 99, 2: 1}}), nil, "an unknown department"},
		"pending without UUID":  {owner, changed(2, 18, []any{map[int]any{2: 17, 3: 1}}), nil, "no UUID or an unknown label set"},
		"pending of no series":  {owner, changed(2, 18, []any{map[int]any{1: "x", 2: 999, 3: 1}}), nil, "no UUID or an unknown label set"},
		"pending before 1970":   {owner, changed(2, 18, []any{map[int]any{1: "x", 2: 17, 3: -1}}), nil, "an impossible time"},
		"pending twice":         {owner, changed(2, 18, []any{map[int]any{1: "x", 2: 17, 3: 1}, map[int]any{1: "x", 2: 17, 3: 1}}), nil, "out of order"},
		"settled unknown":       {owner, changed(2, 19, [][]byte{make([]byte, 16)}), nil, "settled that was not pending"},
		"directory":             {owner, nil, func(t *testing.T, path string) { ok(t, os.Mkdir(path, 0o755)) }, "is a directory"},
		"pipe":                  {owner, nil, func(t *testing.T, path string) { ok(t, syscall.Mkfifo(path, 0o600)) }, "not a regular file"},
		"in use":                {owner, valid, func(t *testing.T, path string) { storedWorld(t, path, defaults()) }, "in use by another process"},
		"a lock that is a pipe": {owner, valid, func(t *testing.T, path string) { ok(t, syscall.Mkfifo(path+".lock", 0o600)) }, ".lock is not a regular file"},
		"no directory":          {owner, nil, func(t *testing.T, path string) { ok(t, os.Remove(filepath.Dir(path))) }, "cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "directory", "ledger.db")
			ok(t, os.Mkdir(filepath.Dir(path), 0o755))
			if c.content != nil {
				write(t, path, c.content)
			}
			if c.prepare != nil {
				c.prepare(t, path)
			}
			_, err := ledger.Open(path, defaults(), c.owner, noon)
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), path, ""), c.words) || !errors.Is(err, ledger.ErrStorage) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %q, want one line with %q", err, c.words)
			}
			want(t, "the file", read(path), c.content)
		})
	}
	t.Run("places", func(t *testing.T) {
		dir := t.TempDir()
		for path, words := range map[string]string{
			"/proc/ledger.db": "cannot be",
			dir + "/":         "name a file in it",
			dir + "/new/":     "name a file in it",
			dir + "/..":       "name a file in it",
			dir + "/a\nb":     `a\nb" has a control character in its name`,
			filepath.Join(dir, strings.Repeat("x", 240)): "cannot be written",
		} {
			_, err := ledger.Open(path, defaults(), owner, noon)
			if !errors.Is(err, ledger.ErrStorage) || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: got %v", path, err)
			}
		}
	})
	t.Run("a sync that fails", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "ledger.db")
		write(t, path, valid)
		for _, synced := range []string{path, filepath.Dir(path)} {
			_, err := ledger.OpenSyncing(path, defaults(), owner, noon, func(f *os.File) error {
				if f.Name() == synced {
					return errors.New("sync failed")
				}
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), "cannot be synced: sync failed") {
				t.Errorf("%s: got %v", synced, err)
			}
		}
		want(t, "the file", read(path), valid)
	})
	t.Run("nothing but leftovers is removed", func(t *testing.T) {
		dir := t.TempDir()
		others := []string{".ledger.db1234", ".ledger.db.rewrite-", ".ledger.db.rewrite-1x", ".ledger.db2.rewrite-1"}
		for _, name := range append(others, ".ledger.db.rewrite-1") {
			write(t, filepath.Join(dir, name), nil)
		}
		ok(t, os.Mkdir(filepath.Join(dir, ".ledger.db.rewrite-2"), 0o755))
		storedWorld(t, filepath.Join(dir, "ledger.db"), defaults())
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		ok(t, err)
		want(t, "files left", len(left), len(others)+1)
	})
}
