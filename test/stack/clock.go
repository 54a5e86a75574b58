package stack

import (
	"time"
	"unsafe"
)

// Stepped returns what time.Now would return if the wall clock had been
// stepped: the monotonic reading stays as it is. A suspended machine is a step
// too, since its monotonic clock stands still. In a bubble of virtual time,
// time.Now has no monotonic reading.
func Stepped(now time.Time, step time.Duration) time.Time {
	if now.String() == now.Round(0).String() { // they show the monotonic reading
		return now.Add(step)
	}
	now = now.Add(step) // moves both readings
	monotonic := (*int64)(unsafe.Add(unsafe.Pointer(&now), unsafe.Sizeof(uint64(0))))
	*monotonic -= int64(step)
	return now
}
