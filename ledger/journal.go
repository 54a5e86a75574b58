package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
)

// A journal is a file of frames (rule 7). Frames are only appended. This file
// knows frames; it does not know what their payloads mean. A frame is:
//
//	length    4 bytes, of the payload
//	sequence  8 bytes, 0 for the first frame of the file, then 1, 2, 3 ...
//	checksum  4 bytes, CRC-32C of length and sequence
//	checksum  4 bytes, CRC-32C of length, sequence and payload
//	payload
//	end mark  1 byte
//
// Numbers are big-endian. The first checksum guards the length: without it, a
// damaged length looks like a frame that was not written to its end. The end
// mark is not 0: without it, a payload that ends in zeros looks like a frame
// whose last sector was not written.
const (
	headerSize    = 20
	numbersSize   = 12 // length and sequence
	endMark       = 0xA5
	frameOverhead = headerSize + 1
	sectorSize    = 512 // the least that a disk writes as a whole
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	// errIncomplete means that the file ends before the frame does.
	errIncomplete = errors.New("the last frame is incomplete")
	// errChecksum means that the last frame, or what follows the last whole
	// frame, does not match its checksum.
	errChecksum = errors.New("a frame does not match its checksum")
)

// appendFrame appends a frame to b.
func appendFrame(b []byte, sequence uint64, payload []byte) ([]byte, error) {
	if len(payload) > math.MaxUint32 {
		return b, fmt.Errorf("a frame of %d bytes is too long", len(payload))
	}
	var header [headerSize]byte
	binary.BigEndian.PutUint32(header[0:], uint32(len(payload)))
	binary.BigEndian.PutUint64(header[4:], sequence)
	sum := crc32.Checksum(header[:numbersSize], castagnoli)
	binary.BigEndian.PutUint32(header[12:], sum)
	binary.BigEndian.PutUint32(header[16:], crc32.Update(sum, castagnoli, payload))
	b = slices.Grow(b, len(payload)+frameOverhead)
	b = append(b, header[:]...)
	b = append(b, payload...)
	return append(b, endMark), nil
}

// readFrames calls visit with every whole frame of the file, in order, and
// returns where the last one ends. A last frame that was not written to its end
// is left out. Visit must not keep the payload.
func readFrames(file io.ReaderAt, size int64, visit func(sequence uint64, end int64, payload []byte) error) (end int64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(file, 0, size), 1<<16)
	var frame []byte
	for sequence := uint64(0); end < size; sequence++ {
		frame, err = readFrame(in, size-end, sequence, frame)
		if errors.Is(err, errIncomplete) || errors.Is(err, errChecksum) && endsInZeros(file, end, size) {
			return end, nil
		}
		if err != nil {
			return end, fmt.Errorf("frame %d: %w", sequence, err)
		}
		end += int64(len(frame)) + headerSize
		if err := visit(sequence, end, frame[:len(frame)-1]); err != nil {
			return end, fmt.Errorf("frame %d: %w", sequence, err)
		}
	}
	return end, nil
}

// readFrame returns the payload and the end mark of the next frame. The file
// has rest more bytes. The result may share memory with buf.
func readFrame(in io.Reader, rest int64, sequence uint64, buf []byte) ([]byte, error) {
	if rest < headerSize {
		return buf, errIncomplete
	}
	var header [headerSize]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return buf, readError{err}
	}
	sum := crc32.Checksum(header[:numbersSize], castagnoli)
	if sum != binary.BigEndian.Uint32(header[12:]) {
		return buf, errChecksum
	}
	if got := binary.BigEndian.Uint64(header[4:]); got != sequence {
		return buf, fmt.Errorf("it has the number %d", got)
	}
	length := int64(binary.BigEndian.Uint32(header[0:]))
	if length+frameOverhead > rest {
		return buf, errIncomplete
	}
	buf = slices.Grow(buf[:0], int(length)+1)[:length+1]
	if _, err := io.ReadFull(in, buf); err != nil {
		return buf, readError{err}
	}
	sum = crc32.Update(sum, castagnoli, buf[:length])
	switch whole := sum == binary.BigEndian.Uint32(header[16:]) && buf[length] == endMark; {
	case whole:
		return buf, nil
	case length+frameOverhead < rest:
		return buf, errors.New("it does not match its checksum, and is not the last frame")
	}
	return buf, errChecksum
}

// readError is an error of reading the file, not of what the file says.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// endsInZeros reports whether the last sector of the file is zero after the
// last whole frame. Some file systems leave zeros for data that was appended
// and not written before a crash.
func endsInZeros(file io.ReaderAt, end, size int64) bool {
	begin := max(end, (size-1)/sectorSize*sectorSize)
	tail := make([]byte, size-begin)
	if _, err := file.ReadAt(tail, begin); err != nil {
		return false
	}
	return !slices.ContainsFunc(tail, func(b byte) bool { return b != 0 })
}

// journal is a file of frames that is open for appending.
type journal struct {
	file *os.File
	sync func(*os.File) error
	size int64  // of the whole frames
	next uint64 // sequence number
	torn bool   // an incomplete frame follows the whole ones
	// rewriteAt is the size beyond which the file should be rewritten.
	rewriteAt int64
	// inDoubt is set when nobody knows what the file holds: it must be read
	// again.
	inDoubt bool
}

// append writes one frame and syncs the file. After an error the file is as it
// was, or in doubt.
func (j *journal) append(payload []byte) error {
	if j.torn {
		if err := j.cutBack(); err != nil {
			return err
		}
	}
	frame, err := appendFrame(nil, j.next, payload)
	if err != nil {
		return err
	}
	if _, err := j.file.WriteAt(frame, j.size); err != nil {
		if cutErr := j.cutBack(); cutErr != nil {
			return fmt.Errorf("%w; %w", err, cutErr)
		}
		return err
	}
	if err := j.sync(j.file); err != nil {
		j.inDoubt = true
		return err
	}
	j.size += int64(len(frame))
	j.next++
	return nil
}

// cutBack removes what follows the last whole frame. It syncs the file: if the
// next frame reached the disk before the cut, a longer rest would follow it.
func (j *journal) cutBack() error {
	err := j.file.Truncate(j.size)
	if err == nil {
		err = j.sync(j.file)
	}
	if err != nil {
		j.inDoubt = true
		return fmt.Errorf("cut back: %w", err)
	}
	j.torn = false
	return nil
}

// rewriteSlack is how many bytes are appended at least between two rewrites.
const rewriteSlack = 1 << 20

// rewriteAfter returns the size at which a journal should be rewritten whose
// last rewrite wrote base bytes. Rewrites then take no longer than appends.
func rewriteAfter(base int64) int64 { return 2*base + rewriteSlack }
