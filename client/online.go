package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"huaweicloud_meeting_exporter/meeting"
)

// Running is one meeting in progress.
type Running struct {
	// Department is a result of meeting.Department.
	Department string
	Type       meeting.Type
	// Online is how many people are in the meeting now, invited or not. It is
	// meeting.Absent if the service does not say it.
	Online meeting.Count
}

// Online lists the meetings in progress, whatever state their records have. Its
// errors are those of History. A rejected token is an Auth error, and a refused
// request one that Error.Refused reports.
func (c *Client) Online(ctx context.Context) ([]Running, error) {
	listing, err := list{
		op: "list meetings in progress", limit: c.cfg.PageLimit, paging: &c.onlinePaging,
		page: c.fetchOnlinePage,
	}.read(ctx)
	if err != nil {
		return nil, err
	}
	running := make([]Running, len(listing.Meetings))
	for i, m := range listing.Meetings {
		running[i] = Running{Department: m.Department, Type: m.Type, Online: m.Participants}
	}
	return running, nil
}

// fetchOnlinePage returns a page of the meetings in progress (API page: list
// online meetings).
func (c *Client) fetchOnlinePage(ctx context.Context, offset int) (p *page, err error) {
	err = c.get(ctx, background{
		op: "list meetings in progress", endpoint: EndpointLive, path: "/v1/mmc/management/conferences/online",
		query: url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(c.cfg.PageLimit)}, "queryAll": {"true"}},
	}, func(body []byte) (err error) {
		p, err = decodePage(body, pageRequest{limit: c.cfg.PageLimit, first: offset == 0, row: (*decoder).onlineRow})
		return err
	})
	return p, err
}

// onlineRecord holds the fields that the client reads of a meeting in progress.
// It keeps no password, link or name.
type onlineRecord struct {
	record
	online jsonNumber
}

func (r *onlineRecord) field(name []byte) json.Unmarshaler {
	if string(name) == "onlineAttendeeAmount" {
		return &r.online
	}
	return r.record.field(name)
}

// onlineRow reads the next value, which may be anything. Every object is a
// meeting. Its times are not looked at: the end is the planned one.
func (d *decoder) onlineRow(time.Time) (r row, err error) {
	begin := d.InputOffset()
	var rec onlineRecord
	isObject, err := d.record(rec.field)
	if err != nil {
		return r, err
	}
	if !isObject {
		r.defect = meeting.BadUUID
	}
	online, _ := rec.online.count()
	r.meeting = meeting.Meeting{
		Department:   meeting.Department(string(rec.department)),
		Type:         rec.typ(),
		Participants: online,
	}
	r.key = d.key(rec.uuid, begin)
	return r, nil
}
