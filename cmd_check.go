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
	return check.Run(ctx, clientConfig, opts.secretSourceInWords(), opts.window, os.Stdout)
}

// secretSourceInWords says where the secret comes from.
func (o *options) secretSourceInWords() string {
	file, flag, variable := o.appKeyFile, "--huaweicloud.app-key-file", appKeyVariable
	if o.account != "" {
		file, flag, variable = o.passwordFile, "--huaweicloud.password-file", passwordVariable
	}
	if file != "" {
		return "the file that " + flag + " names"
	}
	return "the environment variable " + variable
}
