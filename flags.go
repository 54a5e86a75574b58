package main

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/go-kit/log"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"huaweicloud_meeting_exporter/ledger"
	"huaweicloud_meeting_exporter/poller"
)

// The commands.
const (
	commandServe    = "serve"
	commandDemo     = "demo"
	commandSimulate = "simulate"
	commandCheck    = "check"
	commandBackfill = "backfill"
)

// maxDuration limits the values of flags, so that sums of them do not overflow.
const maxDuration = 10 * 365 * 24 * time.Hour

// telemetryPathPattern accepts what needs no encoding in a URL, in HTML and in a
// shell, and has no meaning in a pattern of http.ServeMux.
var telemetryPathPattern = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

// options are the values of all flags.
type options struct {
	web             *web.FlagConfig
	telemetryPath   string
	maxRequests     int
	logLevel        string
	logFormat       string
	simulateAddress string
	backfill        backfillOptions
	liveOptions
	// The number of simulated enterprises.
	simulateEnterprises, demoEnterprises int

	enterpriseOptions                     // of the flags
	configFile        string              // replaces them
	several           []enterpriseOptions // of configFile or of the demo; empty for the flags
	chosen            string              // the name of the only one to check or to backfill

	timeout                time.Duration
	interval, window       time.Duration
	maxMeetingDuration     time.Duration
	sweepInterval, tail    time.Duration
	maxCatchUp, staleAfter time.Duration
	hold                   time.Duration
	holdGiven              bool // on the command line
	maxDepartments         int
	attendanceOptions
}

// newApplication declares the commands and flags, which set opts.
func newApplication(opts *options) *kingpin.Application {
	app := kingpin.New(program, "Prometheus exporter for Huawei Cloud Meeting.")
	app.Version(version.Print(program))
	app.HelpFlag.Short('h')
	app.UsageWriter(os.Stdout)

	app.Flag("huaweicloud.endpoint", "Base URL of the meeting service. The international site is https://api-intl.meeting.huaweicloud.com.").Default("https://api.meeting.huaweicloud.com").StringVar(&opts.endpoint)
	app.Flag("huaweicloud.app-id", "App ID to sign in with. Its key comes from --huaweicloud.app-key-file or the environment variable "+appKeyVariable+".").SetValue(cleanValue{&opts.appID})
	app.Flag("huaweicloud.app-key-file", "File with the App Key. It is read at every sign-in, so a new key needs no restart. What is not a regular file, such as a pipe, is read once, at the start.").StringVar(&opts.appKeyFile)
	app.Flag("huaweicloud.user-id", "Third-party user to sign in as with the App ID. Empty means the enterprise's default administrator.").SetValue(cleanValue{&opts.userID})
	app.Flag("huaweicloud.corp-id", "Enterprise to sign in to with the App ID. Set it in SP mode only: otherwise it makes the sign-in fail.").SetValue(cleanValue{&opts.corpID})
	app.Flag("huaweicloud.account", "Account to sign in with instead of an App ID. Its password comes from --huaweicloud.password-file or the environment variable "+passwordVariable+".").SetValue(cleanValue{&opts.account})
	app.Flag("huaweicloud.password-file", "File with the password of the account. It is read like the file of the App Key.").StringVar(&opts.passwordFile)
	app.Flag("huaweicloud.timeout", "Maximum time for one request, including its response.").Default("30s").DurationVar(&opts.timeout)
	app.Flag("huaweicloud.max-requests-per-minute", "Maximum number of requests per minute to the service. All endpoints and retries count. Up to 5 requests may be sent at once.").Default("60").SetValue((*wholeNumber)(&opts.maxRequestsPerMinute))

	app.Flag("history.interval", "Time between two polls.").Default("1m").DurationVar(&opts.interval)
	app.Flag("history.window", "Length of the recent window that the recent_* gauges cover.").Default("24h").DurationVar(&opts.window)
	app.Flag("history.max-meeting-duration", "Maximum duration of a meeting. Longer meetings may be missed.").Default("30h").DurationVar(&opts.maxMeetingDuration)
	app.Flag("history.sweep-interval", "Maximum time between two sweeps. After an outage or a step of the clock there is one at once. A sweep is a full poll: it reads every meeting that may still be counted.").Default("30m").DurationVar(&opts.sweepInterval)
	app.Flag("history.tail", "How far back a tail reads. A tail is an incremental poll: it runs at every interval at which no sweep is due.").Default("4h").DurationVar(&opts.tail)
	app.Flag("history.max-catch-up", "Longest outage that is caught up completely: at least two of --history.sweep-interval. After a longer one, some meetings are missed.").Default("168h").DurationVar(&opts.maxCatchUp)
	app.Flag("history.stale-after", "Time since the last complete poll after which the recent_* gauges have no samples. Counters are not affected.").Default("1h").DurationVar(&opts.staleAfter)
	app.Flag("history.hold", "How long a new series stays at 0 after that 0 was first scraped: at least the longest scrape interval of your Prometheus servers. Less than --history.interval counts as the interval. The command demo holds for one interval if the flag is not given.").Default("2m").IsSetByUser(&opts.holdGiven).DurationVar(&opts.hold)
	app.Flag("history.max-departments", "Maximum number of values of the label department. Further departments are counted as other.").Default("200").SetValue((*wholeNumber)(&opts.maxDepartments))

	opts.registerLive(app)
	opts.registerAttendance(app)

	app.Flag("storage.path", "File of the ledger. With it, counters continue after a restart. Empty means memory only.").StringVar(&opts.storagePath)

	app.Flag("config.file", "YAML file with several enterprises, in place of the flags of the sign-in and of --storage.path. Every metric of an enterprise then has the label enterprise.").StringVar(&opts.configFile)

	opts.web = kingpinflag.AddFlags(app, ":10047")
	app.Flag("web.telemetry-path", "Path under which to expose metrics: letters, digits and the characters - . _ ~ between single slashes.").Default("/metrics").StringVar(&opts.telemetryPath)
	app.Flag("web.max-requests", "Maximum number of parallel scrape requests. Use 0 to disable.").Default("40").SetValue((*wholeNumber)(&opts.maxRequests))
	app.Flag("log.level", "Only log messages with the given severity or above. One of: debug, info, warn, error.").Default("info").EnumVar(&opts.logLevel, "debug", "info", "warn", "error")
	app.Flag("log.format", "Output format of log messages. One of: logfmt, json.").Default("logfmt").EnumVar(&opts.logFormat, "logfmt", "json")

	app.Command(commandServe, "Poll the service in the background and serve the metrics (the default).").Default()
	demo := app.Command(commandDemo, "Serve a simulated enterprise. It needs no account, no network and no flag.")
	demo.Flag("demo.enterprises", "Number of simulated enterprises. With more than one, metrics have the label enterprise.").Default("1").SetValue((*wholeNumber)(&opts.demoEnterprises))
	simulate := app.Command(commandSimulate, "Run only the simulated service, to point an exporter at.")
	simulate.Flag("simulate.listen-address", "Address on which the simulated service listens.").Default("127.0.0.1:10048").StringVar(&opts.simulateAddress)
	simulate.Flag("simulate.enterprises", "Number of simulated enterprises. With more than one, the App ID is in SP mode: a sign-in names a corp ID.").Default("1").SetValue((*wholeNumber)(&opts.simulateEnterprises))
	check := app.Command(commandCheck, "Sign in, read the recent history, and say in plain words what works, what does not, and how to fix it.")
	backfill := app.Command(commandBackfill, "Write past history as OpenMetrics files for promtool, or send it to a store, and seed a new ledger with it.")
	for _, command := range []*kingpin.CmdClause{check, backfill} {
		command.Flag("enterprise", "Name of the only enterprise of --config.file to work on.").StringVar(&opts.chosen)
	}
	opts.backfill.register(backfill)
	return app
}

// wholeNumber is the value of a flag. Kingpin's own type reads 0.5 as 0. It
// implements kingpin.Value.
type wholeNumber int

// Set implements kingpin.Value.
func (n *wholeNumber) Set(text string) error {
	number, err := strconv.Atoi(text)
	*n = wholeNumber(number)
	return err
}

// String implements kingpin.Value.
func (n *wholeNumber) String() string { return strconv.Itoa(int(*n)) }

// parseFlags returns the command and the options of the arguments. Its errors
// name the flag.
func parseFlags(args []string) (command string, opts *options, err error) {
	if args, err = expandFiles(args); err != nil {
		return "", nil, err
	}
	opts = &options{}
	app := newApplication(opts)
	if err := checkValues(app, args); err != nil {
		return "", nil, err
	}
	command, err = app.Parse(args)
	if err != nil {
		return "", nil, nameFlag(app, args, err)
	}
	if command == commandDemo && !opts.holdGiven {
		opts.hold = opts.interval
	}
	return command, opts, nil
}

// expandFiles replaces each argument @FILE by the lines of the file. Kingpin
// would take a byte order mark for a part of the first one, and read a file that
// names itself for ever.
func expandFiles(args []string) (expanded []string, err error) {
	for i, arg := range args {
		name, isFile := strings.CutPrefix(arg, "@")
		switch {
		case arg == "--":
			return append(expanded, args[i:]...), nil
		case !isFile:
			expanded = append(expanded, arg)
		default:
			lines, err := argumentLines(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", arg, err)
			}
			expanded = append(expanded, lines...)
		}
	}
	return expanded, nil
}

// argumentLines returns the lines of a file without the empty ones, the
// comments, and the white space around them.
func argumentLines(file string) (lines []string, err error) {
	text, err := readText(file)
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		flag, _, _ := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '@':
			return nil, fmt.Errorf("line %d: a file of arguments cannot name another one", number)
		case line[0] == '-' && strings.ContainsAny(flag, " \t"):
			return nil, fmt.Errorf("line %d: a blank before the value: write %s=VALUE", number, strings.Fields(flag)[0])
		default:
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// checkValues returns an error if a flag lacks its value. Kingpin would name
// the flag that follows, or none.
func checkValues(app *kingpin.Application, args []string) error {
	flags := app.Model().Flags
	for _, command := range app.Model().Commands {
		flags = append(flags, command.Flags...)
	}
	for i, arg := range args {
		isLast := i+1 == len(args)
		for _, flag := range flags {
			if arg == "--"+flag.Name && !flag.IsBoolFlag() && (isLast || strings.HasPrefix(args[i+1], "-")) {
				return fmt.Errorf("%s: has no value: write %s=VALUE", arg, arg)
			}
		}
	}
	return nil
}

// nameFlag adds the name of the flag whose value kingpin refused. Kingpin
// itself does not name it.
func nameFlag(app *kingpin.Application, args []string, err error) error {
	parsed, parseErr := app.ParseContext(args)
	if parseErr != nil {
		return err
	}
	for _, element := range parsed.Elements {
		if flag, ok := element.Clause.(*kingpin.FlagClause); ok && element.Value != nil {
			if err := flag.Model().Value.Set(*element.Value); err != nil {
				return fmt.Errorf("--%s: %w", flag.Model().Name, err)
			}
		}
	}
	return err
}

// validate checks the flags of polling and serving.
func (o *options) validate() error {
	if err := web.Validate(*o.web.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", err)
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"huaweicloud.timeout", o.timeout},
		{"history.interval", o.interval},
		{"history.window", o.window},
		{"history.max-meeting-duration", o.maxMeetingDuration},
		{"history.sweep-interval", o.sweepInterval},
		{"history.tail", o.tail},
		{"history.max-catch-up", o.maxCatchUp},
		{"history.stale-after", o.staleAfter},
		{"history.hold", o.hold},
	} {
		if d.value > maxDuration {
			return fmt.Errorf("--%s: %s is more than 10 years, %s", d.flag, d.value, maxDuration)
		}
	}
	reach := o.window + o.maxMeetingDuration
	for _, rule := range []struct {
		broken bool
		flag   string
		why    string
	}{
		{o.interval <= 0, "history.interval", "must be positive"},
		{o.window <= 0, "history.window", "must be positive"},
		{o.maxMeetingDuration <= 0, "history.max-meeting-duration", "must be positive"},
		{o.hold < 0, "history.hold", "must not be negative"},
		{o.maxDepartments < 0, "history.max-departments", "must not be negative"},
		{o.interval > o.tail, "history.tail", fmt.Sprintf("%s is less than --history.interval %s: meetings would be missed between sweeps", o.tail, o.interval)},
		{o.tail > reach, "history.tail", fmt.Sprintf("%s is more than --history.window and --history.max-meeting-duration together, %s", o.tail, reach)},
		{o.interval > o.sweepInterval, "history.sweep-interval", fmt.Sprintf("%s is less than --history.interval %s", o.sweepInterval, o.interval)},
		{o.maxCatchUp < 2*o.sweepInterval, "history.max-catch-up", fmt.Sprintf("%s is less than two intervals of --history.sweep-interval %s: one failed sweep would lose meetings", o.maxCatchUp, o.sweepInterval)},
		{o.staleAfter < 2*o.interval, "history.stale-after", fmt.Sprintf("%s is less than two intervals of --history.interval %s: one failed poll would withhold the gauges", o.staleAfter, o.interval)},
		{o.window < o.staleAfter, "history.window", fmt.Sprintf("%s is less than --history.stale-after %s: an outage would look like 0 meetings", o.window, o.staleAfter)},
		{o.maxRequests < 0, "web.max-requests", "must not be negative"},
		{
			!telemetryPathPattern.MatchString(o.telemetryPath) || path.Clean(o.telemetryPath) != o.telemetryPath, "web.telemetry-path",
			"must begin with a slash, and have only letters, digits and the characters - . _ ~ between single slashes, such as /metrics",
		},
		{o.telemetryPath == healthyPath || o.telemetryPath == readyPath, "web.telemetry-path", "is used by a health endpoint"},
	} {
		if rule.broken {
			return fmt.Errorf("--%s: %s", rule.flag, rule.why)
		}
	}
	if err := o.validateLive(); err != nil {
		return err
	}
	return o.validateAttendance(o.maxCatchUp)
}

// listenFlag returns the flag that says where to listen.
func (o *options) listenFlag() string {
	if *o.web.WebSystemdSocket {
		return "--web.systemd-socket"
	}
	return "--web.listen-address"
}

func (o *options) ledgerConfig() ledger.Config {
	return ledger.Config{
		Window:             o.window,
		MaxMeetingDuration: o.maxMeetingDuration,
		MaxCatchUp:         o.maxCatchUp,
		StaleAfter:         o.staleAfter,
		Hold:               max(o.hold, o.interval),
		MaxDepartments:     o.maxDepartments,
		Attendance:         o.attendance,
	}
}

func (o *options) pollerConfig(logger log.Logger) poller.Config {
	return poller.Config{
		Interval:      o.interval,
		SweepInterval: o.sweepInterval,
		Tail:          o.tail,
		Now:           time.Now,
		Logger:        logger,
	}
}
