package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"huaweicloud_meeting_exporter/meeting"
)

// gigabyte is the unit of storage on the API pages, in bytes.
const gigabyte = 1e9

// Amount is a number of something that an enterprise has, which is never
// negative, or Absent.
type Amount float64

// Absent is the Amount when the service sent no usable number. It means unknown,
// not 0.
const Absent Amount = -1

// amount returns the number in another unit. What is not a number of at least 0
// reads as Absent.
func (n jsonNumber) amount(unit float64) Amount {
	if !n.present || !(n.value >= 0) || math.IsInf(n.value*unit, 1) {
		return Absent
	}
	return Amount(n.value * unit)
}

// Usage is what the enterprise uses now, and what it did on the service's own
// day, whose time zone is not documented.
type Usage struct {
	Participants, LiveStreams                   Amount // in use now
	RecordingStorage                            Amount // in bytes
	TodayUsers, TodayMeetings, TodayAttendances Amount
}

// OrgResources reads what the enterprise uses (API page: orgRes). Its errors are
// those of Online.
func (c *Client) OrgResources(ctx context.Context) (u Usage, err error) {
	err = c.get(ctx, background{
		op: "read the resources in use", endpoint: EndpointOrgResources, path: "/v1/mmc/management/orgRes",
	}, func(body []byte) error {
		values, err := members(body)
		if err != nil {
			return err
		}
		found := false
		read := func(name string, unit float64) Amount {
			_, there := values[name]
			found = found || there // it may be null in another edition
			return number(values, name).amount(unit)
		}
		u = Usage{
			Participants: read("usedAccountsCount", 1), LiveStreams: read("usedLiveCount", 1),
			RecordingStorage: read("usedRecStorage", gigabyte),
			TodayUsers:       read("activeAttendeeCount", 1), TodayMeetings: read("confCount", 1), TodayAttendances: read("totalAttendeeCount", 1),
		}
		if !found {
			return errNoResources
		}
		return nil
	})
	return u, err
}

var errNoResources = errors.New("response holds no resources")

// The names of resources. Virtual meeting rooms are VirtualRooms in ResourceExpiry,
// and VirtualRooms + "_" + their size in CorpResources.
const (
	ConcurrentParticipants = "concurrent_participants"
	LiveStreams            = "live_streams"
	RecordingStorage       = "recording_storage"
	SoftTerminals          = "soft_terminals"
	HardTerminals1080p     = "hard_terminals_1080p"
	HardTerminals720p      = "hard_terminals_720p"
	ThirdPartyTerminals    = "third_party_terminals"
	IdeaHubs               = "idea_hubs"
	HuaweiVision           = "huawei_vision"
	Rooms                  = "rooms"
	VirtualRooms           = "vmr"
)

// Resource is what an enterprise has bought of one kind. Amounts of the resource
// recording_storage are in bytes.
type Resource struct {
	Quota Amount
	Used  Amount // Absent for concurrent participants, live streams and storage
	// Expired and Expiring are what has expired, and what expires within 30 days.
	Expired, Expiring Amount
}

// quotaMembers are the members of the response that hold one resource each.
var quotaMembers = []struct{ member, resource string }{
	{"confCallCount", ConcurrentParticipants},
	{"liveCount", LiveStreams},
	{"recordCapability", RecordingStorage},
	{"teSoftCount", SoftTerminals},
	{"te1080pHardCount", HardTerminals1080p},
	{"te720pHardCount", HardTerminals720p},
	{"thirdPartyHardCount", ThirdPartyTerminals},
	{"ideaHubCount", IdeaHubs},
	{"hwVisionCount", HuaweiVision},
	{"roomCount", Rooms},
}

// CorpResources reads what the enterprise has bought, by the name of the resource
// (API page: corp/resource). Virtual meeting rooms of one size are added up under
// "vmr_" and that size in participants. Which resources there are depends on the
// edition: a missing one, or one that is null, is not in the result. Errors are
// those of Online.
func (c *Client) CorpResources(ctx context.Context) (resources map[string]Resource, err error) {
	err = c.get(ctx, background{
		op: "read the resources bought", endpoint: EndpointCorpResources, path: "/v1/usg/dcs/corp/resource",
	}, func(body []byte) (err error) {
		resources, err = decodeQuotas(body)
		return err
	})
	return resources, err
}

func decodeQuotas(body []byte) (map[string]Resource, error) {
	values, err := members(body)
	if err != nil {
		return nil, err
	}
	resources := map[string]Resource{}
	_, found := values["vmr"]
	for _, q := range quotaMembers {
		value, there := values[q.member]
		found = found || there
		if value.Kind() != '{' {
			continue
		}
		counts, err := members(value)
		if err != nil {
			return nil, err
		}
		unit := 1.0
		if q.resource == RecordingStorage {
			unit = gigabyte
		}
		read := func(name string) Amount { return number(counts, name).amount(unit) }
		r := Resource{Quota: read("sumCount"), Used: Absent, Expired: read("expiredCount"), Expiring: read("expiringCount")}
		switch q.resource {
		case ConcurrentParticipants, LiveStreams, RecordingStorage: // usedCount is not available for them
		default:
			r.Used = read("usedCount")
		}
		resources[q.resource] = r
	}
	if !found {
		return nil, errNoResources
	}
	return resources, addVirtualRooms(resources, values["vmr"])
}

// maxRoomSizes limits the sizes of virtual meeting rooms. The vendor sells about
// ten.
const maxRoomSizes = 100

// addVirtualRooms adds the packages of virtual meeting rooms. A package without a
// size is left out.
func addVirtualRooms(resources map[string]Resource, packages jsontext.Value) error {
	if packages.Kind() != '[' {
		return nil
	}
	var list []jsontext.Value
	if err := unmarshal(packages, &list); err != nil {
		return err
	}
	sizes := 0
	for _, one := range list {
		if one.Kind() != '{' {
			continue
		}
		room, err := members(one)
		if err != nil {
			return err
		}
		size := number(room, "vmrPkgParties")
		if !size.isIndex() {
			continue
		}
		name := fmt.Sprintf("%s_%d", VirtualRooms, int(size.value))
		sum, known := resources[name]
		if !known {
			if sizes++; sizes > maxRoomSizes {
				return fmt.Errorf("response holds more than %d sizes of rooms", maxRoomSizes)
			}
			sum = Resource{Expired: Absent, Expiring: Absent}
		}
		sum.Quota = sum.Quota.plus(number(room, "vmrPkgCount").amount(1))
		sum.Used = sum.Used.plus(number(room, "vmrPkgUsedCount").amount(1))
		resources[name] = sum
	}
	return nil
}

// plus returns the sum, which is Absent if a part of it is.
func (a Amount) plus(b Amount) Amount {
	if a == Absent || b == Absent {
		return Absent
	}
	return a + b
}

// listedResources are the types of the list of resources.
var listedResources = map[jsonString]string{
	"VMR":              VirtualRooms,
	"CONF_CALL":        ConcurrentParticipants,
	"HARD_1080P":       HardTerminals1080p,
	"HARD_720P":        HardTerminals720p,
	"SOFT":             SoftTerminals,
	"ROOM":             Rooms,
	"LIVE":             LiveStreams,
	"RECORD":           RecordingStorage,
	"HARD_THIRD_PARTY": ThirdPartyTerminals,
	"HUAWEI_VISION":    HuaweiVision,
	"IDEA_HUB":         IdeaHubs,
}

// maxResourceLimit is the largest page of resources to ask for. The API page
// names no maximum.
const maxResourceLimit = 100

// ResourceExpiry lists the resources and returns the nearest future time at
// which something of each expires, by its name (API page: corp/resource-list).
// Virtual meeting rooms of all sizes are "vmr". Only what is in normal use
// counts. Errors are those of Online.
func (c *Client) ResourceExpiry(ctx context.Context) (map[string]time.Time, error) {
	const op = "list resources"
	nearest := map[string]time.Time{}
	limit := min(c.cfg.PageLimit, maxResourceLimit)
	_, err := list{op: op, limit: limit, paging: &c.resourcePaging, page: func(ctx context.Context, offset int) (p *page, err error) {
		err = c.get(ctx, background{
			op: op, endpoint: EndpointResourceList, path: "/v1/usg/dcs/corp/resource-list",
			query: url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}},
		}, func(body []byte) (err error) {
			row := func(d *decoder, now time.Time) (row, error) { return d.resourceRow(now, nearest) }
			p, err = decodePage(body, pageRequest{limit: limit, first: offset == 0, now: c.cfg.Now(), row: row})
			return err
		})
		return p, err
	}}.read(ctx)
	if err != nil {
		return nil, err
	}
	return nearest, nil
}

// resourceRow reads the next value, which may be anything, and keeps its expiry
// if that is the nearest. To read a row twice does no harm.
func (d *decoder) resourceRow(now time.Time, nearest map[string]time.Time) (r row, err error) {
	begin := d.InputOffset()
	var (
		id, kind       jsonString
		status, expiry jsonNumber
	)
	isObject, err := d.record(func(name []byte) json.Unmarshaler {
		switch string(name) {
		case "id":
			return &id
		case "type":
			return &kind
		case "status":
			return &status
		case "expireDate":
			return &expiry
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if !isObject {
		r.defect = meeting.BadUUID
	}
	r.key = d.key(id, begin)
	resource, known := listedResources[kind]
	inUse := status.present && status.value == 0
	if !known || !inUse || !(expiry.value > minMilliseconds && expiry.value < maxMilliseconds) {
		return r, nil
	}
	at := time.UnixMilli(int64(expiry.value))
	if first, found := nearest[resource]; at.After(now) && (!found || at.Before(first)) {
		nearest[resource] = at
	}
	return r, nil
}

// members returns the members of an object. An error code is an error.
func members(body []byte) (map[string]jsontext.Value, error) {
	var values map[string]jsontext.Value
	if err := unmarshal(body, &values); err != nil {
		return nil, err
	}
	if code := (errorCode{}); values["error_code"] != nil {
		if _ = code.UnmarshalJSON(values["error_code"]); code.present {
			return nil, &code
		}
	}
	return values, nil
}

// number returns a member of an object as a number.
func number(values map[string]jsontext.Value, name string) (n jsonNumber) {
	if value := values[name]; value != nil {
		_ = n.UnmarshalJSON(value) // never fails
	}
	return n
}
