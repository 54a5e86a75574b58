package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/version"
	"golang.org/x/net/http/httpguts"

	"huaweicloud_meeting_exporter/backfill"
)

// store returns the store of --remote-write.url, nil without it. Errors contain
// no secret.
func (o *backfillOptions) store(failed func(error)) (*backfill.Store, error) {
	switch {
	case o.storeURL != "":
	case o.storeConfigFile != "":
		return nil, errors.New("--remote-write.config.file: goes with --remote-write.url only")
	case len(o.storeHeaders) > 0:
		return nil, errors.New("--remote-write.header: goes with --remote-write.url only")
	default:
		return nil, nil
	}
	if err := checkStoreURL(o.storeURL); err != nil {
		return nil, fmt.Errorf("--remote-write.url: %w", err)
	}
	client, err := o.storeClient()
	if err != nil {
		return nil, err
	}
	return backfill.NewStore(o.storeURL, client, failed)
}

// checkStoreURL checks a URL. Errors do not contain it: it may hold a secret.
func checkStoreURL(text string) error {
	switch u, err := url.Parse(text); {
	case err != nil:
		return errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return errors.New("must begin with http:// or https:// and a host")
	case u.User != nil:
		return errors.New("must not contain a user or a password: put them into --remote-write.config.file")
	case u.Fragment != "":
		return errors.New("must not contain a fragment")
	}
	return nil
}

// storeClient returns a client that signs in to the store.
func (o *backfillOptions) storeClient() (*http.Client, error) {
	client := &config.DefaultHTTPClientConfig
	if o.storeConfigFile != "" {
		var err error
		client, _, err = config.LoadHTTPConfigFile(o.storeConfigFile)
		if _, ok := errors.AsType[*url.Error](err); ok {
			err = errors.New("an invalid URL")
		}
		if err != nil {
			return nil, fmt.Errorf("--remote-write.config.file: %s", quotedPattern.ReplaceAllString(err.Error(), "a value"))
		}
	}
	headers, err := parseHeaders(o.storeHeaders)
	if err != nil {
		return nil, fmt.Errorf("--remote-write.header: %w", err)
	}
	signedIn, err := config.NewClientFromConfig(*client, "remote_write", config.WithUserAgent(program+"/"+version.Version))
	if err != nil {
		return nil, fmt.Errorf("--remote-write.config.file: %w", err)
	}
	signedIn.Transport = config.NewHeadersRoundTripper(headers, signedIn.Transport)
	return signedIn, nil
}

// quotedPattern matches the values that errors of YAML quote.
var quotedPattern = regexp.MustCompile("`[^`]*`")

// parseHeaders parses headers of the form Name=Value. Errors contain no value.
func parseHeaders(texts []string) (*config.Headers, error) {
	headers := &config.Headers{Headers: map[string]config.Header{}}
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		name = http.CanonicalHeaderKey(name)
		_, twice := headers.Headers[name]
		switch {
		case !found:
			return nil, errors.New("is not of the form Name=Value")
		case !httpguts.ValidHeaderFieldName(name):
			return nil, errors.New("the name is not one of a header")
		case !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("the value of %s contains a control character", name)
		case twice:
			return nil, fmt.Errorf("%s is given twice", name)
		}
		headers.Headers[name] = config.Header{Secrets: []config.Secret{config.Secret(value)}}
	}
	if err := headers.Validate(); err != nil {
		return nil, fmt.Errorf("%w; for a sign-in, use --remote-write.config.file", err)
	}
	return headers, nil
}

// askStore asks the store whether it accepts samples as old as the begin of the
// range, and says so. Without a store it does nothing.
func askStore(ctx context.Context, w io.Writer, c *backfill.Config) error {
	if c.Store == nil {
		return nil
	}
	switch err := c.Store.Probe(ctx, c); {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case err != nil:
		return fmt.Errorf("--remote-write.url: no sample of %s can be sent: %w", c.From.Format(time.RFC3339), err)
	}
	_, err := fmt.Fprintf(w, "  store     accepts a sample of %s\n", c.From.Format(time.RFC3339))
	return err
}
