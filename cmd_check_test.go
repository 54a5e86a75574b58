package main

import (
	"strings"
	"testing"

	"huaweicloud_meeting_exporter/check"
)

func TestCheckLanguage(t *testing.T) {
	for environment, want := range map[string]check.Language{
		"":                 check.English,
		"LANG=":            check.English,
		"LANG=C":           check.English,
		"LANG=C.UTF-8":     check.English,
		"LANG=POSIX":       check.English,
		"LANG=en_US.UTF-8": check.English,
		"LANG=za_CN.UTF-8": check.English,
		"LANG=zhx":         check.English,
		"LANG=zh":          check.Chinese,
		"LANG=zh_CN":       check.Chinese,
		"LANG=zh_CN.UTF-8": check.Chinese,
		"LANG=zh_CN.utf8":  check.Chinese,
		"LANG=zh_TW.UTF-8": check.Chinese,
		"LANG=zh_HK":       check.Chinese,
		"LANG=zh-Hans-CN":  check.Chinese,

		"LANG=zh_CN.UTF-8@pinyin": check.Chinese,
		"LANG=zh_CN.GBK":          check.English,
		"LANG=zh_CN.GB18030":      check.English,
		"LANG=zh_TW.Big5@stroke":  check.English,

		"LANG=zh_CN.UTF-8 LC_ALL=C":                        check.English,
		"LANG=zh_CN.UTF-8 LC_ALL=":                         check.Chinese,
		"LANG=zh_CN.UTF-8 LC_MESSAGES=en_US.UTF-8":         check.English,
		"LANG=en_US.UTF-8 LC_MESSAGES=zh_CN.UTF-8":         check.Chinese,
		"LC_MESSAGES=en_US.UTF-8 LC_ALL=zh_CN.UTF-8":       check.Chinese,
		"LANG=en_US.UTF-8 LANGUAGE=zh_CN LC_CTYPE=zh_CN":   check.English,
		"LANG=zh_CN.UTF-8 LANGUAGE=en_US:en LC_CTYPE=C.GB": check.Chinese,
	} {
		variables := map[string]string{}
		for _, assignment := range strings.Fields(environment) {
			name, value, _ := strings.Cut(assignment, "=")
			variables[name] = value
		}
		if got := checkLanguage(func(name string) string { return variables[name] }); got != want {
			t.Errorf("%q: got language %d, want %d", environment, got, want)
		}
	}
}
