package client

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// agreeWithEncodingJSON fails unless decodePage read from a body the structure
// that encoding/json, which shares no code with it, sees there: the rows, and in
// each the last value of every field. What a value means is tested elsewhere.
func agreeWithEncodingJSON(t *testing.T, body []byte, now time.Time, p *page, err error) {
	t.Helper()
	var answer struct {
		members map[string]json.RawMessage
		data    []json.RawMessage
	}
	// A map, because only it tells names apart by case.
	wrong := json.Unmarshal(body, &answer.members)
	if wrong == nil {
		wrong = json.Unmarshal(answer.members["data"], &answer.data)
	}
	if err != nil {
		brokeOff := errors.Is(err, io.ErrUnexpectedEOF)
		if brokeOff && json.Valid(body) || errors.Is(err, errNotJSON) && wrong == nil && answer.members != nil {
			t.Fatalf("%v, but encoding/json can read it", err)
		}
		return
	}
	if wrong != nil {
		t.Fatalf("read, but by encoding/json: %v", wrong)
	}
	if len(p.rows) != len(answer.data) {
		t.Fatalf("%d rows, but %d by encoding/json", len(p.rows), len(answer.data))
	}
	for i, raw := range answer.data {
		// One row on a page of its own, made of nothing but the fields read.
		var fields map[string]json.RawMessage
		_ = json.Unmarshal(raw, &fields) // fails if it is no object
		plain := map[string]any{}
		var rec record
		for name, value := range fields {
			if rec.field([]byte(name)) != nil {
				plain[name] = value
			}
		}
		alone, marshalErr := json.Marshal(map[string]any{"data": []any{plain}, "count": 1})
		if marshalErr != nil {
			t.Fatal(marshalErr)
		}
		want, err := decodePage(alone, now)
		if err != nil {
			t.Fatalf("%v: %s", err, alone)
		}
		got := p.rows[i]
		if got.meeting.UUID == "" {
			got.key, want.rows[0].key = rowKey{}, rowKey{} // the text, which differs
		}
		if got != want.rows[0] {
			t.Fatalf("read %+v, but %+v by encoding/json", got, want.rows[0])
		}
	}
}

func TestAPageIsReadAsEncodingJSONReadsIt(t *testing.T) {
	for _, body := range []string{
		`{"data":[{"con\u0066UUID":"a"},{"confUUID":"a","confUUID":7},{"confUUID":"a","ConfUUID":"b"}],"count":1}`,
		`{"data":[{"confUUID":"\ud800x","deptName":"` + "\xff" + `"}],"data":[1.5e+3,-0],"count":-1}`,
		`{"data":[tru],"count":1}`, `{"data":[01],"count":1}`, `{"data":[1,],"count":1}`, `{"data":[1 2],"count":1}`,
		`{"data":[],"count":1}}`, `{"data":[],"count":1} x`, ` {"data":[] , "count":1} `, `{"data":{},"count":1}`,
		`{"data":[{"confUUID":"a"}],"data":[7],"count":1}`,
		`{"data":[{"normalCount":3,"normalCount":null},{"webinar":true,"webinar":0},{"deptName":"d","deptName":[]}],"count":3}`,
		`{"data":7,"data":[],"count":1}`, `{"data":[],"data":null,"count":1}`, `{"data":["` + "\n" + `"],"count":1}`,
	} {
		p, err := decodePage([]byte(body), time.Time{})
		agreeWithEncodingJSON(t, []byte(body), time.Time{}, p, err)
	}
}

func TestValuesNestAsDeepAsEncodingJSONAllows(t *testing.T) {
	var read, refused int
	for depth := 9990; depth <= 10010; depth++ {
		body := []byte(`{"data":[` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `],"count":1}`)
		p, err := decodePage(body, time.Time{})
		agreeWithEncodingJSON(t, body, time.Time{}, p, err)
		if err == nil {
			read++
		} else {
			refused++
		}
	}
	if read == 0 || refused == 0 {
		t.Errorf("%d read, %d refused", read, refused)
	}
}

func TestAPageThatIsCutAnywhereBrokeOff(t *testing.T) {
	whole := []byte(`{"data":[{"confUUID":"\u0061é","normalCount":-1.5e+1,"webinar":true,"x":[null,{}]}],"count":1}`)
	for end := range whole[:len(whole)-1] {
		_, err := decodePage(whole[:end], time.Time{})
		if brokeOff := errors.Is(err, io.ErrUnexpectedEOF); brokeOff != (end > 0) {
			t.Errorf("%q: %v", whole[:end], err)
		}
	}
}

func TestARowWithoutUUIDHasOneKeyWhereverItStands(t *testing.T) {
	p, err := decodePage([]byte(`{"data":[{"a":1}, {"a":1},`+"\n"+`{"a":1},{"a":2}],"count":4}`), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if r := p.rows; r[0].key != r[1].key || r[0].key != r[2].key || r[0].key == r[3].key {
		t.Errorf("the keys are %x, %x, %x and %x", r[0].key, r[1].key, r[2].key, r[3].key)
	}
}
