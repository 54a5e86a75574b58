package ledger_test

import (
	"fmt"
	"testing"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/meeting"
)

func TestTheBusiestNewDepartmentsTakeTheRoomThatIsLeft(t *testing.T) {
	cfg := defaults()
	cfg.MaxDepartments = 3
	w := newWorld(t, cfg)
	w.sweep(
		ended("1", noon, department("b")),
		ended("2", noon, department("d")), ended("3", noon, department("d")),
		ended("4", noon, department("c")),
		ended("5", noon, department("a")),
		ended("6", noon, department("unknown")), ended("7", noon, department("other")),
	)
	want(t, "departments", names(w.recent()), []string{"a", "b", "d", "other", "unknown"})
	want(t, "meetings of other", w.recent()[ledger.Labels{Department: "other", Type: meeting.Immediate}].Meetings, int64(2))
	want(t, "folded in the baseline", w.Snapshot().Folded(), int64(0))

	w.tail(ended("8", noon, department("c")), ended("9", noon, department("other")))
	want(t, "departments", names(w.recent()), []string{"a", "b", "d", "other", "unknown"})
	want(t, "folded", w.Snapshot().Folded(), int64(1))
}

func TestADepartmentListedTwiceInOnePollCountsByItsLastRecord(t *testing.T) {
	cfg := defaults()
	cfg.MaxDepartments = 1
	w := newWorld(t, cfg)
	w.sweep(ended("1", noon, department("b")), ended("1", noon, department("a")))
	want(t, "departments", names(w.recent()), []string{"a"})
}

func TestWithoutRoomEveryDepartmentIsOther(t *testing.T) {
	cfg := defaults()
	cfg.MaxDepartments = 0
	w := newWorld(t, cfg)
	w.sweep()
	for i := range 5 {
		w.tail(ended(fmt.Sprint(i), noon, department(fmt.Sprint("d", i))))
	}
	w.release()
	want(t, "counters", w.scrape(), sumsOf{{Department: "other", Type: meeting.Immediate}: times(5, one)})
	want(t, "folded", w.Snapshot().Folded(), int64(5))
}
