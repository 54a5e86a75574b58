package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/version"

	"huaweicloud_meeting_exporter/client"
	"huaweicloud_meeting_exporter/ledger"
)

// enterpriseOptions say how to reach one enterprise, and where its ledger is.
// They come from the flags or from an entry of --config.file.
type enterpriseOptions struct {
	name                  string // value of the label enterprise; empty for the flags
	endpoint              string
	appID, appKeyFile     string
	userID, corpID        string
	account, passwordFile string
	storagePath           string
	maxRequestsPerMinute  int
	secret                func() (string, error) // of the simulator or a pipe; nil elsewhere

	file  string         // --config.file; empty for the flags
	line  int            // of the entry in file
	lines map[string]int // of each key in file
}

// errorf returns an error about a key. It names the flag, or the file, line,
// enterprise and key.
func (e *enterpriseOptions) errorf(key, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if e.file == "" {
		return fmt.Errorf("%s: %w", e.setting(key), err)
	}
	line := e.lines[key]
	if line == 0 {
		line = e.line
	}
	return fmt.Errorf("%s:%d: enterprise %q: %s: %w", e.file, line, e.name, key, err)
}

// setting returns how the operator spells a key: as a flag or in the file.
func (e *enterpriseOptions) setting(key string) string {
	switch {
	case e.file != "":
		return key
	case key == "storage_path":
		return "--storage.path"
	}
	return "--huaweicloud." + strings.ReplaceAll(key, "_", "-")
}

// enterprises returns the options of each enterprise.
func (o *options) enterprises() []enterpriseOptions {
	if len(o.several) > 0 {
		return o.several
	}
	return []enterpriseOptions{o.enterpriseOptions}
}

// loadEnterprises reads --config.file, if it is set, for a command.
func (o *options) loadEnterprises(command string) error {
	if o.configFile == "" {
		if o.chosen != "" {
			return errors.New("--enterprise: goes with --config.file only")
		}
		return nil
	}
	for key, value := range map[string]string{
		"app_id": o.appID, "app_key_file": o.appKeyFile, "user_id": o.userID, "corp_id": o.corpID,
		"account": o.account, "password_file": o.passwordFile, "storage_path": o.storagePath,
	} {
		seeds := key == "storage_path" && command == commandBackfill
		if value != "" && !seeds {
			return fmt.Errorf("%s: cannot be used together with --config.file: each enterprise has %s there", o.setting(key), key)
		}
	}
	if command == commandDemo {
		return errors.New("--config.file: cannot be used with the command demo; see --demo.enterprises")
	}
	defaults := enterpriseOptions{endpoint: o.endpoint, maxRequestsPerMinute: o.maxRequestsPerMinute}
	var err error
	if o.several, err = readConfigFile(o.configFile, defaults); err != nil {
		return fmt.Errorf("--config.file: %w", err)
	}
	if o.chosen == "" && command == commandBackfill {
		return errors.New("--enterprise: required with --config.file: a backfill is of one enterprise")
	}
	if o.chosen != "" {
		i := slices.IndexFunc(o.several, func(e enterpriseOptions) bool { return e.name == o.chosen })
		if i < 0 {
			return fmt.Errorf("--enterprise: %s holds no enterprise of that name", o.configFile)
		}
		o.several = o.several[i : i+1]
	}
	return nil
}

// clientConfig checks and returns the configuration of an enterprise's client.
func (o *options) clientConfig(e *enterpriseOptions) (client.Config, error) {
	if _, err := client.ParseEndpoint(e.endpoint); err != nil {
		return client.Config{}, e.errorf("endpoint", "%w", err)
	}
	if o.timeout <= 0 {
		return client.Config{}, errors.New("--huaweicloud.timeout: must be positive")
	}
	if e.maxRequestsPerMinute <= 0 {
		return client.Config{}, e.errorf("max_requests_per_minute", "must be positive")
	}
	secret := e.secret
	if secret == nil {
		var err error
		if secret, err = e.secretSource(); err != nil {
			return client.Config{}, err
		}
	}
	if _, err := secret(); err != nil {
		return client.Config{}, err
	}
	return client.Config{
		Endpoint:             e.endpoint,
		AppID:                e.appID,
		UserID:               e.userID,
		CorpID:               e.corpID,
		Account:              e.account,
		Secret:               secret,
		Timeout:              o.timeout,
		MaxRequestsPerMinute: e.maxRequestsPerMinute,
		SignInInterval:       o.interval,
		UserAgent:            program + "/" + version.Version,

		MaxAttendanceRequestsPerMinute: o.attendancePerMinute,
	}, nil
}

// openLedger opens the ledger of an enterprise, or one in memory.
func (o *options) openLedger(e *enterpriseOptions, owner string) (*ledger.Ledger, error) {
	if e.storagePath == "" {
		return ledger.New(o.ledgerConfig(), time.Now()), nil
	}
	l, err := ledger.Open(e.storagePath, o.ledgerConfig(), owner, time.Now())
	if err != nil {
		return nil, e.errorf("storage_path", "%w", err)
	}
	return l, nil
}
