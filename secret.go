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

// secretOrigin returns where the secret of the configured sign-in comes from: a
// flag such as --huaweicloud.app-key-file, or the name of an environment
// variable. It does not say whether there is a secret.
func (o *options) secretOrigin() string {
	flag, file, variable := o.secretFlag()
	if file == "" {
		return variable
	}
	return flag
}

// secretFlag returns the flag that names the file of the secret, its value, and
// the environment variable that is used if the value is empty.
func (o *options) secretFlag() (flag, file, variable string) {
	if o.account != "" {
		return "--huaweicloud.password-file", o.passwordFile, passwordVariable
	}
	return "--huaweicloud.app-key-file", o.appKeyFile, appKeyVariable
}

// secretSource returns a function that returns the secret of the configured
// sign-in. It reads a regular file at every call. What can be read only once,
// such as a pipe, is read before secretSource returns. Errors name the origin
// and never contain the secret.
func (o *options) secretSource() (secret func() (string, error), err error) {
	switch {
	case o.appID == "" && o.account == "":
		return nil, errors.New("--huaweicloud.app-id: required, unless --huaweicloud.account is set; to try the exporter without an account, run the command demo")
	case o.appID != "" && o.account != "":
		return nil, errors.New("--huaweicloud.account: cannot be used together with --huaweicloud.app-id")
	case o.account != "" && (o.userID != "" || o.corpID != ""):
		return nil, errors.New("--huaweicloud.account: --huaweicloud.user-id and --huaweicloud.corp-id go with --huaweicloud.app-id only")
	}
	flag, file, variable := o.secretFlag()
	read := func() (string, error) { return readText(file) }
	once := false
	if file == "" {
		value := os.Getenv(variable)
		if value == "" {
			return nil, fmt.Errorf("%s: required, unless the environment variable %s is set", flag, variable)
		}
		read = func() (string, error) { return decodeText([]byte(value)) }
	} else if info, err := os.Stat(file); err == nil {
		once = !info.Mode().IsRegular()
	}
	origin := o.secretOrigin()
	secret = func() (string, error) {
		text, err := read()
		if err == nil {
			text, err = cleanText(text)
		}
		if err == nil && text == "" {
			err = errors.New("is empty")
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", origin, err)
		}
		return text, nil
	}
	if once {
		remembered, err := secret()
		return func() (string, error) { return remembered, err }, nil
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
