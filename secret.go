package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	textunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// The environment variables that may hold the secrets. A file flag wins.
const (
	appKeyVariable   = "HUAWEICLOUD_MEETING_APP_KEY"
	passwordVariable = "HUAWEICLOUD_MEETING_PASSWORD"
)

const byteOrderMark = '\uFEFF'

// maxTextFile is the largest file of a secret or of arguments, in bytes.
const maxTextFile = 1 << 16

// secretVariable returns the environment variable that holds the secret. It
// returns "" if a file does, or should.
func (e *enterpriseOptions) secretVariable() string {
	_, file, variable := e.secretSetting()
	if file != "" || e.file != "" {
		return ""
	}
	return variable
}

// secretSetting returns the key of the setting that names the file of the secret,
// its value, and the environment variable that the flags use without a file.
func (e *enterpriseOptions) secretSetting() (key, file, variable string) {
	if e.account != "" {
		return "password_file", e.passwordFile, passwordVariable
	}
	return "app_key_file", e.appKeyFile, appKeyVariable
}

// readPipes reads the secrets in what can be read only once, such as a pipe.
func (o *options) readPipes() error {
	all := []*enterpriseOptions{&o.enterpriseOptions}
	for i := range o.several {
		all = append(all, &o.several[i])
	}
	for _, e := range all {
		_, file, _ := e.secretSetting()
		if info, err := os.Stat(file); err != nil || info.Mode().IsRegular() {
			continue
		}
		read, err := e.secretSource()
		if err != nil {
			return err
		}
		secret, err := read()
		if err != nil {
			return err
		}
		e.secret = func() (string, error) { return secret, nil }
	}
	return nil
}

// secretSource returns a function that returns the secret of the sign-in. It
// reads the file at every call. Errors name the origin and never contain the
// secret.
func (e *enterpriseOptions) secretSource() (secret func() (string, error), err error) {
	switch {
	case e.appID == "" && e.account == "" && e.file == "":
		return nil, e.errorf("app_id", "required, unless --huaweicloud.account is set; to try the exporter without an account, run the command demo")
	case e.appID == "" && e.account == "":
		return nil, e.errorf("app_id", "required, unless account is set")
	case e.appID != "" && e.account != "":
		return nil, e.errorf("account", "cannot be used together with %s", e.setting("app_id"))
	case e.account != "" && (e.userID != "" || e.corpID != ""):
		return nil, e.errorf("account", "%s and %s go with %s only", e.setting("user_id"), e.setting("corp_id"), e.setting("app_id"))
	}
	key, file, variable := e.secretSetting()
	value := os.Getenv(variable)
	switch {
	case file != "":
	case e.file != "":
		return nil, e.errorf(key, "required")
	case value == "":
		return nil, e.errorf(key, "required, unless the environment variable %s is set", variable)
	}
	read := func() (string, error) { return readText(file) }
	if file == "" {
		read = func() (string, error) { return decodeText([]byte(value)) }
	}
	secret = func() (string, error) {
		text, err := read()
		if err == nil {
			text, err = cleanText(text)
		}
		if err == nil && text == "" {
			err = errors.New("is empty")
		}
		switch {
		case err == nil:
			return text, nil
		case file == "":
			return "", fmt.Errorf("%s: %w", variable, err)
		}
		return "", e.errorf(key, "%w", err)
	}
	return secret, nil
}

// readText returns the text of a file. Its errors do not contain the name of
// the file, which may be a secret that was given in place of a name.
func readText(name string) (string, error) {
	content, err := readFile(name)
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	if err != nil {
		return "", fmt.Errorf("cannot read the file: %w", err)
	}
	return decodeText(content)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxTextFile+1))
	if err == nil && len(content) > maxTextFile {
		err = fmt.Errorf("it is longer than %d bytes", maxTextFile)
	}
	return content, err
}

// decodeText decodes UTF-8, or UTF-16 with a byte order mark, as Windows writes
// it.
func decodeText(content []byte) (string, error) {
	text, _, err := transform.Bytes(textunicode.BOMOverride(transform.Nop), content)
	return string(text), err
}

// cleanText removes white space and byte order marks around a text, and refuses
// control characters in it. Errors do not contain the text.
func cleanText(text string) (string, error) {
	text = strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == byteOrderMark })
	switch {
	case strings.ContainsRune(text, utf8.RuneError): // a decoder puts it where it fails
		return "", errors.New("is not UTF-8 text")
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", errors.New("contains a control character, such as a line break or NUL; it must be one line of UTF-8 text")
	}
	return text, nil
}

// cleanValue is the value of a flag for an ID or a name. It implements
// kingpin.Value.
type cleanValue struct{ text *string }

// Set implements kingpin.Value.
func (v cleanValue) Set(text string) (err error) {
	*v.text, err = cleanText(text)
	return err
}

// String implements kingpin.Value.
func (v cleanValue) String() string { return *v.text }
