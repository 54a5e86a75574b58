package client

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// jsonOptions accept duplicate names, of which the last counts, and text that
// is not UTF-8.
func jsonOptions() jsontext.Options {
	return json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// decoder reads the JSON values of a body in their order.
type decoder struct {
	*jsontext.Decoder
	body []byte
}

func newDecoder(body []byte) *decoder {
	return &decoder{jsontext.NewDecoder(bytes.NewBuffer(body), jsonOptions()), body}
}

// object reads an object. It calls member after each name, and member must read
// the value. member must not keep the name.
func (d *decoder) object(member func(name []byte) error) error {
	if token, err := d.ReadToken(); err != nil {
		return err
	} else if token.Kind() != '{' {
		return errNotJSON
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return err
		}
		if bytes.IndexByte(name, '\\') >= 0 {
			name, _ = jsontext.AppendUnquote(nil, name)
		} else {
			name = name[1 : len(name)-1]
		}
		if err := member(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// array reads an array. The caller has checked that one comes next. It calls
// element before each value, and element must read the value.
func (d *decoder) array(element func() error) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// value reads any value into a field, or skips it if the field is nil.
func (d *decoder) value(into json.Unmarshaler) error {
	value, err := d.ReadValue()
	if err != nil || into == nil {
		return err
	}
	return into.UnmarshalJSON(value)
}

// record reads the next value, which may be anything, and reports whether it is an
// object. Of an object it reads the fields that field returns by their names on the
// wire; field returns nil for those to skip.
func (d *decoder) record(field func(name []byte) json.Unmarshaler) (isObject bool, err error) {
	if d.PeekKind() != '{' {
		return false, d.value(nil)
	}
	return true, d.object(func(name []byte) error { return d.value(field(name)) })
}

// since returns the text of the value that was read from offset begin on.
func (d *decoder) since(begin int64) []byte {
	return bytes.TrimLeft(d.body[begin:d.InputOffset()], ", \t\r\n")
}

// end returns an error unless the body ends here.
func (d *decoder) end() error {
	_, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		err = errNotJSON
	}
	return err
}
