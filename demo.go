package main

import (
	"fmt"
	"io"
	"net"
	"strings"

	"huaweicloud_meeting_exporter/simulator"
)

// The credentials that the simulated service of the commands demo and simulate
// accepts.
const (
	demoAppID  = "demo"
	demoAppKey = "demo-app-key"
)

// demoEnterprise has offices around the world, so that at any hour a meeting
// ends about every minute.
func demoEnterprise() simulator.Config {
	return simulator.Config{
		Seed:           1,
		MeetingsPerDay: 1500,
		Worldwide:      true,
		AppID:          demoAppID,
		AppKey:         demoAppKey,
		RateLimit:      100,
	}
}

// useSimulator points the options at a simulated service.
func (o *options) useSimulator(endpoint string) {
	o.endpoint = endpoint
	o.appID, o.userID, o.corpID, o.account = demoAppID, "", "", ""
	o.secret = func() (string, error) { return demoAppKey, nil }
}

func printDemo(w io.Writer, o *options) {
	host := (*o.web.WebListenAddresses)[0]
	if strings.HasPrefix(host, ":") {
		host = "localhost" + host
	}
	fmt.Fprintf(w, `A simulated enterprise: no account, no network; every person and meeting is invented.

  Metrics       http://%[1]s%[2]s
  One of them   curl -s http://%[1]s%[2]s | grep recent_meetings
  Status        http://%[1]s/

The past day is there at once. About once a minute a meeting ends somewhere, and
the counters that end in _total rise with the next poll. Stop with Ctrl-C.

`, host, o.telemetryPath)
}

func printSimulate(w io.Writer, addr net.Addr) {
	fmt.Fprintf(w, `The simulated service listens on http://%[2]s. Point an exporter at it:

  export %[3]s=%[5]s
  %[1]s --huaweicloud.endpoint=http://%[2]s --huaweicloud.app-id=%[4]s

`, program, addr, appKeyVariable, demoAppID, demoAppKey)
}
