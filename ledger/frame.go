package ledger

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// A journal is a file of frames (rule 7). This file does not know what their
// payloads mean. A frame is:
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
	// maxPayload keeps the size of a frame within an int of 32 bits.
	maxPayload = math.MaxInt32 - frameOverhead
	// rewrittenFrames is how many frames a rewrite writes. It syncs them before it
	// gives the file its name, so none of them is ever incomplete.
	rewrittenFrames = 2
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	// errIncomplete means that the file ends before the frame does.
	errIncomplete = errors.New("the last frame is incomplete")
	// errChecksum means that a header, or the frame at the end of the file, does
	// not match its checksum.
	errChecksum = errors.New("it does not match its checksum")
)

// appendFrame appends a frame to b.
func appendFrame(b []byte, sequence uint64, payload []byte) ([]byte, error) {
	if len(payload) > maxPayload {
		return b, fmt.Errorf("a frame of %d bytes is too long", len(payload))
	}
	header := newHeader(sequence, len(payload))
	sum := binary.BigEndian.Uint32(header[numbersSize:])
	binary.BigEndian.PutUint32(header[numbersSize+4:], crc32.Update(sum, castagnoli, payload))
	b = slices.Grow(b, len(payload)+frameOverhead)
	b = append(b, header[:]...)
	b = append(b, payload...)
	return append(b, endMark), nil
}

// newHeader returns a header without the checksum of the frame.
func newHeader(sequence uint64, length int) (header [headerSize]byte) {
	binary.BigEndian.PutUint32(header[0:], uint32(length))
	binary.BigEndian.PutUint64(header[4:], sequence)
	binary.BigEndian.PutUint32(header[numbersSize:], crc32.Checksum(header[:numbersSize], castagnoli))
	return header
}

// readFrames calls visit with every whole frame of the file, in order. A last
// frame that was not written to its end is left out. Visit must not keep the
// payload.
func readFrames(file io.ReaderAt, size int64, visit func(sequence uint64, payload []byte) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(file, 0, size), 1<<16)
	var frame []byte
	var err error
	end := int64(0) // of the whole frames
	for sequence := uint64(0); end < size; sequence++ {
		frame, err = readFrame(in, size-end, sequence, frame)
		if sequence >= rewrittenFrames {
			torn := errors.Is(err, errIncomplete)
			if errors.Is(err, errChecksum) {
				torn, err = isTorn(file, end, size, sequence)
			}
			if torn {
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("frame %d: %w", sequence, err)
		}
		end += int64(len(frame)) + headerSize
		if err := visit(sequence, frame[:len(frame)-1]); err != nil {
			return fmt.Errorf("frame %d: %w", sequence, err)
		}
	}
	return nil
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
	if sum != binary.BigEndian.Uint32(header[numbersSize:]) {
		return buf, errChecksum
	}
	if got := binary.BigEndian.Uint64(header[4:]); got != sequence {
		return buf, fmt.Errorf("it has the number %d", got)
	}
	length := int64(binary.BigEndian.Uint32(header[0:]))
	switch {
	case length > maxPayload:
		return buf, errors.New("it is too long")
	case length+frameOverhead > rest:
		return buf, errIncomplete
	}
	buf = slices.Grow(buf[:0], int(length)+1)[:length+1]
	if _, err := io.ReadFull(in, buf); err != nil {
		return buf, readError{err}
	}
	sum = crc32.Update(sum, castagnoli, buf[:length])
	switch whole := sum == binary.BigEndian.Uint32(header[numbersSize+4:]) && buf[length] == endMark; {
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

// isTorn reports whether the rest of the file, from end on, is one frame that a
// crash left with sectors of zeros: the file system had made the file longer
// before the disk had all of the data. Otherwise it returns an error.
func isTorn(file io.ReaderAt, end, size int64, sequence uint64) (bool, error) {
	if size-end > maxPayload+frameOverhead {
		return false, errChecksum
	}
	rest := make([]byte, size-end)
	if _, err := file.ReadAt(rest, end); err != nil {
		return false, readError{err}
	}
	if !lacksSectors(rest, end, sequence) || holdsLaterFrame(rest, sequence) {
		return false, errChecksum
	}
	return true, nil
}

// lacksSectors reports whether sectors of the frame are zero that must not be.
// Its header is known, except the checksum of the frame, because the frame ends
// with the file: each sector must hold its part of the header, or be zero.
func lacksSectors(frame []byte, begin int64, sequence uint64) bool {
	lacks := false
	header := newHeader(sequence, max(0, len(frame)-frameOverhead))
	known := header[:min(numbersSize+4, len(frame))]
	for at := 0; at < len(frame); {
		next := min(len(frame), at+sectorSize-int((begin+int64(at))%sectorSize))
		ofHeader := known[min(at, len(known)):min(next, len(known))]
		switch {
		case !isZero(frame[at:next]):
			if !bytes.Equal(frame[at:at+len(ofHeader)], ofHeader) {
				return false
			}
		case len(ofHeader) < next-at || !isZero(ofHeader):
			lacks = true
		}
		at = next
	}
	return lacks
}

// holdsLaterFrame reports whether the header of a later frame is in the bytes.
// Then they are more than one frame, and all but the last one were synced.
func holdsLaterFrame(b []byte, sequence uint64) bool {
	highest := sequence + uint64(len(b))/frameOverhead
	for ; len(b) >= headerSize; b = b[1:] {
		got := binary.BigEndian.Uint64(b[4:])
		if got > sequence && got <= highest && crc32.Checksum(b[:numbersSize], castagnoli) == binary.BigEndian.Uint32(b[numbersSize:]) {
			return true
		}
	}
	return false
}

func isZero(b []byte) bool {
	return !slices.ContainsFunc(b, func(x byte) bool { return x != 0 })
}
