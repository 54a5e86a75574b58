package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"huaweicloud_meeting_exporter/check"
)

// runCheck says in plain words whether polling would work, for one enterprise
// after the other.
func runCheck(ctx context.Context, opts *options) error {
	all := opts.enterprises()
	if all[0].name == "" {
		return checkEnterprise(ctx, opts, &all[0])
	}
	var failing []string
	for i := range all {
		e := &all[i]
		fmt.Printf("Enterprise %q\n", e.name)
		if err := checkEnterprise(ctx, opts, e); err != nil {
			fmt.Printf("      %v\n", err)
			failing = append(failing, strconv.Quote(e.name))
		}
		if ctx.Err() != nil {
			return errors.New("check was interrupted")
		}
		fmt.Println()
	}
	if len(failing) > 0 {
		return fmt.Errorf("polling would not work for %d of %d enterprises: %s", len(failing), len(all), strings.Join(failing, ", "))
	}
	fmt.Printf("Polling will work for all %d enterprises.\n", len(all))
	return nil
}

func checkEnterprise(ctx context.Context, opts *options, e *enterpriseOptions) error {
	config, err := opts.clientConfig(e)
	if err != nil {
		return err
	}
	return check.Run(ctx, check.Config{
		Client: config, Window: opts.window, Live: opts.live, Resources: opts.resources,
		Secret: e.secretInWords(), Setting: e.setting,
	}, os.Stdout)
}
