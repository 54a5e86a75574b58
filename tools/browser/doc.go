// Package browser looks at the page for people in a real browser: Debian's
// Chromium. It is a separate module, to keep the driver of the browser out of the
// go.mod of the exporter. Run it with make check-page.
package browser
