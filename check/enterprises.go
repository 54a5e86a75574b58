package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Enterprise is one of several enterprises.
type Enterprise struct {
	Name   string
	Config Config
	// Err says why there is no Config. It is nil if there is one.
	Err error
}

// RunAll runs Run for one enterprise after the other, each under its name. It
// returns an error if polling would not work for one of them.
func RunAll(ctx context.Context, language Language, all []Enterprise, w io.Writer) error {
	c := &check{Writer: w, language: language}
	var failing []string
	var failure error
	for i, e := range all {
		if i > 0 {
			fmt.Fprintf(w, "\n")
		}
		fmt.Fprintf(w, "%s\n", c.text("Enterprise %q", e.Name))
		err := e.Err
		if err == nil {
			e.Config.Language = language
			err = Run(ctx, e.Config, w)
		} else {
			c.line(c.text("FAIL"), c.text("Its settings cannot be used: %v", err))
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			failing, failure = append(failing, strconv.Quote(e.Name)), err
		}
	}
	switch {
	case len(all) == 1:
		return failure // Run wrote the last line
	case len(failing) > 0:
		return fmt.Errorf("polling would not work for %d of %d enterprises: %s", len(failing), len(all), strings.Join(failing, ", "))
	}
	fmt.Fprintf(w, "\n%s\n", c.text("Polling will work for all %d enterprises.", len(all)))
	return nil
}

var errInterrupted = errors.New("check was interrupted")
