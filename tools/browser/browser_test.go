package browser

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// newBrowser starts a Chromium that ends with the test.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.NoSandbox) // it opens our own pages only
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatalf("start the browser; Debian's packages chromium and fonts-noto-cjk must be installed: %v", err)
	}
	return ctx
}

// look is one way to look at a page.
type look struct {
	lang, scheme string
	width        int64
}

// open opens a page.
func (l look) open(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	if err == nil {
		err = chromedp.Do(ctx, chromedp.EmulateViewport(l.width, 900), chromedp.Navigate(address+"?lang="+l.lang))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// evaluate returns what a script finds in the page.
func evaluate[T any](ctx context.Context, t *testing.T, script string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// overflow returns by how many pixels the page is wider than the window.
const overflow = `document.documentElement.scrollWidth - window.innerWidth`

// faint returns the texts whose contrast is below that of WCAG 2.2, level AA.
const faint = `(() => {
	const numbers = c => c.match(/[\d.]+/g).map(Number);
	const light = c => {
		const [r, g, b] = numbers(c).map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = getComputedStyle(e).backgroundColor, n = numbers(c);
			if (n.length === 3 || n[3] > 0) return c;
		}
		return "rgb(255, 255, 255)";
	};
	const found = [];
	for (const e of document.querySelectorAll("body *")) {
		if (e.closest("svg") || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		const a = light(getComputedStyle(e).color), b = light(behind(e));
		if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) found.push(e.textContent.trim().slice(0, 40));
	}
	return found;
})()`

// covered returns the cells whose text does not fit into them.
const covered = `[...document.querySelectorAll("dd, dt, th, td, .ticks span")]
	.filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(e => e.textContent.slice(0, 40))`

func TestPageInBrowser(t *testing.T) {
	hostile := hostileService(t)
	pages := map[string]string{
		"one":     serve(t, "demo"),
		"several": serve(t, "demo", "--demo.enterprises=3"),
		"many":    serve(t, "demo", "--demo.enterprises=11"),
		"hostile": serve(t, "serve", hostile...),
		"failing": serve(t, "serve", "--huaweicloud.endpoint=http://127.0.0.1:1", "--huaweicloud.app-id=app", "--huaweicloud.app-key-file="+keyFile(t)),
	}
	for name, state := range map[string]string{"one": "attention", "several": "well", "many": "well", "hostile": "attention", "failing": "failing"} {
		awaitState(t, pages[name], state)
	}
	ctx := newBrowser(t)
	var complaints []string
	if err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			complaints = append(complaints, e.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			complaints = append(complaints, "console."+string(e.Type))
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for name, address := range pages {
		for _, l := range []look{
			{"en", "light", 1280}, {"en", "dark", 390}, {"zh", "light", 1280}, {"zh", "dark", 390},
		} {
			complaints = nil
			l.open(ctx, t, address)
			for what, script := range map[string]string{"too little contrast": faint, "cut off": covered} {
				if found := evaluate[[]string](ctx, t, script); len(found) > 0 {
					t.Errorf("%s, %v: %s: %q", name, l, what, found)
				}
			}
			if wider := evaluate[int](ctx, t, overflow); wider > 0 {
				t.Errorf("%s, %v: %d pixels too wide", name, l, wider)
			}
			if reached, stops := pressTab(ctx, t); reached != stops {
				t.Errorf("%s, %v: the Tab key reaches %d of %d", name, l, reached, stops)
			}
			if name == "one" {
				l.draw(ctx, t, address)
			}
			if len(complaints) > 0 {
				t.Errorf("%s, %v: the console says: %q", name, l, complaints)
			}
		}
	}
}

// pressTab presses the Tab key once for each element that should get the focus. It
// returns how many did, and how many should.
func pressTab(ctx context.Context, t *testing.T) (reached, stops int) {
	t.Helper()
	stops = evaluate[int](ctx, t, `window.reached = new Set(); document.querySelectorAll("a[href], summary, [tabindex='0']").length`)
	for range stops {
		if err := chromedp.Do(ctx, chromedp.KeyEvent("\t")); err != nil {
			t.Fatal(err)
		}
		reached = evaluate[int](ctx, t, `window.reached.add(document.activeElement).size`)
	}
	return reached, stops
}

// draw draws the page into the directory PICTURES, if it is set. All pictures have
// one size: the README shows a light one or a dark one in the same place.
func (l look) draw(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	l.width = 1280
	l.open(ctx, t, address) // without the focus
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "page-"+l.lang+"-"+l.scheme+".png"), picture, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}
