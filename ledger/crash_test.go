//go:build !race

package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

// written is what one turn wrote: the file and the ledger before and after it.
type written struct {
	turn                  func(*world)
	before, after         []byte
	viewBefore, viewAfter view
	path                  string // of the crashed file
}

// recordWrites plays a history whose writes are a first commit, appends of less
// and of more than a sector, and a rewrite.
func recordWrites(t *testing.T) (writes []written) {
	w := newStoredWorld(t)
	many := manyMeetings(10)
	poll := func(meetings ...meeting.Meeting) func(*world) {
		return func(w *world) { w.apply(w.sweepPoll(meetings...)) }
	}
	count := func(uuid string) func(*world) {
		a := meeting.Attendance{Joins: 3, People: 2, Seconds: 70, Departments: map[string]int64{"legal": 60, "new " + uuid: 10}}
		return func(w *world) { ok(w.t, w.CountAttendance(uuid, a, noon, noon)) }
	}
	for i, turn := range []func(*world){
		poll(ended("base", noon)),
		poll(ended("a", noon), ended("b", noon, department("legal"))),
		poll(many...),
		poll(),
		count("a"),
		poll(ended("a", noon, participants(12)), ended("c", noon)),
		poll(many[:1]...),
		count("b"),
		func(w *world) { ok(w.t, w.GiveUpAttendance("c", ledger.Gone, noon)) },
	} {
		if i == 5 {
			w.RewriteNext()
		}
		one := written{turn: turn, before: read(w.path), viewBefore: viewOf(w.Ledger, noon)}
		turn(w)
		one.after, one.viewAfter = read(w.path), viewOf(w.Ledger, noon)
		writes = append(writes, one)
	}
	return writes
}

// TestCrash leaves the file as a crash may leave it: any prefix of what a write
// adds, any subset of its sectors, or an unfinished file beside it. The ledger
// must then be as it was before the turn or after it, and must count each
// meeting once when it goes on.
func TestCrash(t *testing.T) {
	for i, one := range recordWrites(t) {
		t.Run(fmt.Sprint("write ", i), func(t *testing.T) {
			t.Parallel()
			one.path = filepath.Join(t.TempDir(), "ledger.db")
			if len(one.before) == 0 || !bytes.HasPrefix(one.after, one.before) {
				for n := 0; n <= len(one.after); n += 101 {
					one.crash(t, one.before, one.after[:n], one.viewBefore)
				}
				one.crash(t, one.before, one.after, one.viewBefore)
				one.crash(t, one.after, nil, one.viewAfter)
				return
			}
			for n := len(one.before); n < len(one.after); n++ {
				one.crash(t, one.after[:n], nil, one.viewBefore)
			}
			for image := range images(one.before, one.after) {
				one.crash(t, image, nil, one.viewBefore)
			}
			one.crash(t, one.after, nil, one.viewAfter)
			one.crash(t, append(bytes.Clone(one.after), make([]byte, 700)...), nil, one.viewAfter)
		})
	}
}

// images yields what a power failure may leave of an append whose length is on
// the disk: every subset of its sectors, but for the whole. The others are zero.
func images(before, after []byte) iter.Seq[[]byte] {
	const sector = 512
	first, last := len(before)/sector, (len(after)-1)/sector
	return func(yield func([]byte) bool) {
		for written := range 1<<(last-first+1) - 1 {
			image := bytes.Clone(after)
			for i := first; i <= last; i++ {
				if written&(1<<(i-first)) == 0 {
					clear(image[max(len(before), i*sector):min(len(after), (i+1)*sector)])
				}
			}
			if !bytes.Equal(image, after) && !yield(image) { // a part may be zero anyway
				return
			}
		}
	}
}

// TestTornOrDamaged moves the headers of frames across the end of a sector. A last frame without some of
// its sectors is left out. A changed bit in any header is damage, also if zeros
// follow the last frame.
func TestTornOrDamaged(t *testing.T) {
	for pad := 420; pad < 475; pad++ {
		payloads := [][]byte{{1}, bytes.Repeat([]byte{1}, 1+pad), {2, 3}, bytes.Repeat([]byte{4}, 700)}
		before, after := ledger.Frames(payloads[:3]...), ledger.Frames(payloads...)
		for image := range images(before, after) {
			got, err := ledger.Payloads(bytes.NewReader(image), int64(len(image)))
			if err != nil || len(got) != 3 {
				t.Fatalf("pad %d: got %d payloads, error %v", pad, len(got), err)
			}
		}
		at := 0
		for _, payload := range payloads {
			for bit := range 16 * 8 {
				if part := after[at:min(at+16, (at/512+1)*512)]; isBit(part, bit) {
					continue // without it, the part looks like a sector that was not written
				}
				for _, zeros := range []int{0, 1000} {
					image := append(bytes.Clone(after), make([]byte, zeros)...)
					image[at+bit/8] ^= 1 << (bit % 8)
					if _, err := ledger.Payloads(bytes.NewReader(image), int64(len(image))); err == nil {
						t.Fatalf("pad %d: bit %d of the frame at %d is changed, %d zeros: no error", pad, bit, at, zeros)
					}
				}
			}
			at += len(payload) + 21
		}
	}
}

// isBit reports whether only the given bit is set.
func isBit(b []byte, bit int) bool {
	if bit/8 >= len(b) {
		return false
	}
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return bytes.Count(b, []byte{0}) == len(b)
}

// crash opens a file after a crash, beside the leftover of a rewrite.
func (one *written) crash(t *testing.T, content, leftover []byte, wanted view) {
	t.Helper()
	_ = os.Remove(one.path)
	if content != nil {
		write(t, one.path, content)
	}
	temporary := filepath.Join(filepath.Dir(one.path), ".ledger.db.rewrite-1234")
	if leftover != nil {
		write(t, temporary, leftover)
	}
	w := &world{t: t, now: noon, clock: noon, path: one.path}
	w.open(defaults())
	got := viewOf(w.Ledger, noon)
	got.Published, wanted.Published = counters{}, counters{} // a restart publishes what is stored
	want(t, fmt.Sprintf("%d bytes and %d in a leftover", len(content), len(leftover)), got, wanted)
	if _, err := os.Stat(temporary); err == nil {
		t.Error("the leftover of a rewrite stays")
	}
	w.tail() // a short frame where a longer one may have been torn
	w.restart(defaults())
	one.turn(w)
	one.turn(w)
	wanted = one.viewAfter
	wanted.Published = countersOf(w.Snapshot())
	want(t, "going on", viewOf(w.Ledger, noon), wanted)
	w.restart(defaults())
	want(t, "after another restart", viewOf(w.Ledger, noon), wanted)
	w.close()
}

func TestDamageOfAnyByte(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	whole := recordWrites(t)[2].after // a state and two turns
	for at := range whole {
		content := bytes.Clone(whole)
		content[at] ^= 1 << (at % 8)
		if refusal(t, path, content) == nil {
			t.Errorf("a changed bit in byte %d is accepted", at)
		}
	}
}

// refusal opens a file with the given content, and checks its error. It returns
// nil if the file is accepted; the ledger then takes a poll.
func refusal(t *testing.T, path string, content []byte) error {
	t.Helper()
	write(t, path, content)
	l, err := ledger.OpenSyncing(path, defaults(), owner, noon, noSync)
	if err != nil {
		if !errors.Is(err, ledger.ErrStorage) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got error %q", err)
		}
		if !bytes.Equal(read(path), content) {
			t.Error("the file was changed")
		}
		return err
	}
	defer l.Close()
	p := ledger.Poll{Sweep: true, From: l.SweepFrom(noon), Began: noon, Ended: noon, Meetings: manyMeetings(10)}
	if err := l.Apply(p, noon); err != nil {
		t.Errorf("accepted, but takes no poll: %v", err)
	}
	return nil
}

// FuzzStorage opens a journal whose frames or whose bytes are changed. Open
// must not panic, and must leave a file that it refuses as it is. The first
// byte of the changes says what is changed.
func FuzzStorage(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomChanges(seed))
	}
	valid := validJournal(f)
	f.Fuzz(func(t *testing.T, changes []byte) {
		_ = refusal(t, filepath.Join(t.TempDir(), "ledger.db"), changed(valid, changes))
	})
}

// TestRandomDamage does what FuzzStorage does, for the same seeds every time.
func TestRandomDamage(t *testing.T) {
	path, valid := filepath.Join(t.TempDir(), "ledger.db"), validJournal(t)
	refused := 0
	for seed := range uint64(500) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			if refusal(t, path, changed(valid, randomChanges(seed))) != nil {
				refused++
			}
		})
	}
	if refused < 250 {
		t.Errorf("only %d of 500 files were refused", refused)
	}
}

func validJournal(t testing.TB) (payloads [][]byte) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(path, defaults(), owner, noon)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 4 {
		at := noon.Add(time.Duration(i) * time.Minute)
		p := ledger.Poll{Sweep: true, From: l.SweepFrom(at), Began: at, Ended: at, Meetings: manyMeetings(10 * (i + 1))}
		if err := l.Apply(p, at); err != nil {
			t.Fatal(err)
		}
	}
	return payloadsOf(t, path)
}

func randomChanges(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	changes := make([]byte, 1+3*(1+r.IntN(6)))
	for i := range changes {
		changes[i] = byte(r.Uint32())
	}
	return changes
}

// changed returns a journal in which a byte is changed for every three of the
// changes: two say where. An odd first byte changes payloads and leaves the
// checksums right.
func changed(payloads [][]byte, changes []byte) []byte {
	if len(changes) == 0 {
		return nil
	}
	inPayloads, changes := changes[0]%2 == 1, changes[1:]
	file := ledger.Frames(payloads...)
	for ; len(changes) >= 3; changes = changes[3:] {
		at, value := int(changes[0])<<8|int(changes[1]), changes[2]
		if inPayloads {
			i := at % len(payloads)
			payloads = append([][]byte{}, payloads...)
			payloads[i] = bytes.Clone(payloads[i])
			payloads[i][at/len(payloads)%len(payloads[i])] = value
		} else {
			file[at%len(file)] = value
		}
	}
	if inPayloads {
		return ledger.Frames(payloads...)
	}
	return file
}
