package backfill

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings is everything on which the samples depend, by the name of its flag.
type settings map[string]string

// The values of these settings are hashes. No single flag sets the owner. The
// URL of the store may contain a secret.
const (
	ownerSetting = "owner"
	storeSetting = "--remote-write.url"
)

func (c *Config) settings() settings {
	s := settings{
		ownerSetting:                     hash(c.Owner),
		"--from":                         c.From.UTC().Format(time.RFC3339),
		"--to":                           c.To.UTC().Format(time.RFC3339),
		"--step":                         c.Step.String(),
		"--job":                          c.Job,
		"--instance":                     c.Instance,
		"--history.window":               c.Ledger.Window.String(),
		"--history.max-meeting-duration": c.Ledger.MaxMeetingDuration.String(),
		"--history.max-departments":      strconv.Itoa(c.Ledger.MaxDepartments),
	}
	for name, value := range c.Labels {
		s["--label="+name] = value
	}
	if c.Store != nil {
		s[storeSetting] = hash(c.Store.url.String())
	}
	return s
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// differ says for a person what differs between the settings of this run and
// theirs.
func (s settings) differ(theirs settings) string {
	all := maps.Clone(theirs)
	maps.Copy(all, s)
	var differences []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch {
		case s[name] == theirs[name]:
		case name == ownerSetting:
			differences = append(differences, "it was of another endpoint, app ID or account, user or enterprise")
		case name == storeSetting:
			differences = append(differences, "it went to another "+storeSetting+", or to files")
		default:
			differences = append(differences, fmt.Sprintf("%s was %s and is now %s", name, quote(theirs[name]), quote(s[name])))
		}
	}
	return strings.Join(differences, "; ")
}

// quote quotes a value for a person. Only a label can be missing.
func quote(value string) string {
	if value == "" {
		return "not set"
	}
	return strconv.Quote(value)
}

// String returns the settings as JSON, always in the same order.
func (s settings) String() string {
	text, _ := json.MarshalIndent(s, "", "  ") // cannot fail for a map of strings
	return string(text) + "\n"
}

func (s settings) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, s.String())
	return err
}

func readSettings(path string) (settings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s settings
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return s, nil
}
