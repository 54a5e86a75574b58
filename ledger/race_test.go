package ledger_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"huaweicloud_meeting_exporter/ledger"
)

func TestAFileThatAnotherProcessWritesMeanwhileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	other := stored(t, path, defaults())
	other.sweep(ended("base", noon))
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.OpenAround(path, defaults(), owner, noon, func() {
		other.restart(path, defaults())
		other.sweep(ended("base", noon), ended("new", noon))
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want(t, "meetings", l.Snapshot().Size(), 2)
	want(t, "counters", l.Unheld(), sumsOf{sales: one})
}

func TestAFileThatAnotherOwnerMakesMeanwhileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.OpenAround(path, defaults(), "another enterprise", noon, func() {
		if err := stored(t, path, defaults()).Close(); err != nil {
			t.Fatal(err)
		}
	})
	if !errors.Is(err, ledger.ErrOwner) {
		if err == nil {
			l.Close()
		}
		t.Errorf("got %v, want ErrOwner", err)
	}
}

func TestThePlacesOfForgottenMeetingsAreUsedAgain(t *testing.T) {
	w := newWorld(t, defaults())
	for day := range 30 {
		w.sweep(ended(string(rune('a'+day)), w.now), ended(string(rune('A'+day)), w.now))
		w.pass(24 * time.Hour)
	}
	if got, remembered := w.Places(), w.Snapshot().Size(); remembered > 10 || got > 2*remembered {
		t.Errorf("%d places for the %d meetings remembered", got, remembered)
	}
}
