package main

import (
	"context"
	"os"

	"huaweicloud_meeting_exporter/check"
)

// runCheck says in plain words whether polling would work.
func runCheck(ctx context.Context, opts *options) error {
	clientConfig, err := opts.clientConfig()
	if err != nil {
		return err
	}
	return check.Run(ctx, clientConfig, opts.window, os.Stdout)
}
