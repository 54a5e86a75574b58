package main

import (
	"context"
	"os"
	"strings"

	"huaweicloud_meeting_exporter/check"
)

// runCheck says in plain words whether polling would work, for one enterprise
// after the other.
func runCheck(ctx context.Context, opts *options) error {
	language := checkLanguage(os.Getenv)
	entries := opts.enterprises()
	all := make([]check.Enterprise, len(entries))
	for i := range entries {
		config, err := opts.checkConfig(&entries[i])
		all[i] = check.Enterprise{Name: entries[i].name, Config: config, Err: err}
	}
	if only := all[0]; only.Name == "" {
		if only.Err != nil {
			return only.Err
		}
		only.Config.Language = language
		return check.Run(ctx, only.Config, os.Stdout)
	}
	return check.RunAll(ctx, language, all, os.Stdout)
}

func (o *options) checkConfig(e *enterpriseOptions) (check.Config, error) {
	config, err := o.clientConfig(e)
	return check.Config{
		Client: config, Window: o.window, Live: o.live, Resources: o.resources, Attendance: o.attendance,
		Setting: e.setting, SecretVariable: e.secretVariable(),
	}, err
}

// checkLanguage returns the language that the environment asks for. Of the
// variables that POSIX names for messages, the first that is not empty decides.
// LANGUAGE, an extension of GNU, is a list of preferences for programs with many
// translations; it is not read.
//
// Every Chinese locale gets the one translation there is: to those who read
// traditional characters, simplified ones are closer than English. A locale that
// names a charset other than UTF-8, such as zh_CN.GBK, gets English, because
// the terminal would show Chinese in UTF-8 as garbage. One that names none gets
// Chinese: UTF-8 is what terminals use unless told otherwise.
func checkLanguage(getenv func(string) string) check.Language {
	var locale string
	for _, variable := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = getenv(variable); locale != "" {
			break
		}
	}
	locale, _, _ = strings.Cut(strings.ToLower(locale), "@")
	name, charset, _ := strings.Cut(locale, ".")
	language, _, _ := strings.Cut(strings.ReplaceAll(name, "-", "_"), "_")
	if language == "zh" && (charset == "" || charset == "utf-8" || charset == "utf8") {
		return check.Chinese
	}
	return check.English
}
