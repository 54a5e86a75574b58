package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt takes its file on trust: on damaged pages it may panic in goroutines
// of its own, run in circles, or hand out a page that is in use. verifyPages
// therefore looks at every page before bbolt does more than map the file. The
// layout is that of bbolt's data file, version 2, in the byte order of the
// machine.
const (
	pageHeaderSize   = 16 // id, flags, count, overflow
	elementSize      = 16
	bucketHeaderSize = 16 // root page, sequence
	metaSize         = 64

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketFlag   = 0x01

	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreelist  = ^uint64(0)
)

var order = binary.NativeEndian

// meta is what bbolt's newest valid meta page says.
type meta struct {
	pageSize                   uint32
	root, freelist, high, txid uint64 // high is the first page never used
}

// verifyPages returns an error unless the file is one that bbolt can read and
// write: each page is used once, every key and value lies within its page, and
// keys are in order.
func verifyPages(file io.ReaderAt) error {
	m, err := newestMeta(file)
	if err != nil {
		return err
	}
	v := &verifier{file: file, meta: m, used: map[uint64]bool{}}
	if err := v.walk(m.root, nil, nil); err != nil {
		return err
	}
	return v.verifyFreelist()
}

// newestMeta reads the two meta pages, of which the newer valid one holds: a
// crash in the middle of a commit leaves the other as it was.
func newestMeta(file io.ReaderAt) (*meta, error) {
	first := readMeta(file, 0)
	second := (*meta)(nil)
	if first != nil {
		second = readMeta(file, int64(first.pageSize))
	}
	for shift := 0; first == nil && second == nil && shift <= 14; shift++ {
		second = readMeta(file, 1024<<shift)
	}
	switch {
	case first == nil && second == nil:
		return nil, errors.New("no valid meta page")
	case first == nil, second != nil && second.txid > first.txid:
		return second, nil
	}
	return first, nil
}

// readMeta returns the meta page at an offset, or nil if it is not valid.
func readMeta(file io.ReaderAt, offset int64) *meta {
	b := make([]byte, pageHeaderSize+metaSize)
	if _, err := file.ReadAt(b, offset); err != nil {
		return nil
	}
	b = b[pageHeaderSize:]
	sum := fnv.New64a()
	sum.Write(b[:56])
	m := &meta{
		pageSize: order.Uint32(b[8:]),
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		high:     order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}
	if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion || order.Uint64(b[56:]) != sum.Sum64() || m.pageSize < 1024 {
		return nil
	}
	return m
}

// verifier walks over the pages of a file.
type verifier struct {
	*meta
	file io.ReaderAt
	used map[uint64]bool
}

// page reads a page with those that it overflows into, and marks them used.
func (v *verifier) page(id uint64) ([]byte, error) {
	header := make([]byte, pageHeaderSize)
	if err := v.readAt(header, id); err != nil {
		return nil, err
	}
	overflow := uint64(order.Uint32(header[12:]))
	if order.Uint64(header) != id || overflow >= v.high || id+overflow >= v.high {
		return nil, fmt.Errorf("page %d is not what it should be", id)
	}
	for i := id; i <= id+overflow; i++ {
		if v.used[i] {
			return nil, fmt.Errorf("page %d is used twice", i)
		}
		v.used[i] = true
	}
	// The last page is read first, so that a length beyond the end of the file
	// is found before it is allocated.
	if err := v.readAt(make([]byte, v.pageSize), id+overflow); err != nil {
		return nil, err
	}
	b := make([]byte, (overflow+1)*uint64(v.pageSize))
	return b, v.readAt(b, id)
}

func (v *verifier) readAt(b []byte, id uint64) error {
	const metaPages = 2
	if id < metaPages || id >= v.high {
		return fmt.Errorf("page %d is out of range", id)
	}
	if _, err := v.file.ReadAt(b, int64(id)*int64(v.pageSize)); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// walk verifies the subtree of a page, whose keys must not be less than least,
// and less than limit unless that is nil.
func (v *verifier) walk(id uint64, least, limit []byte) error {
	b, err := v.page(id)
	if err != nil {
		return err
	}
	if order.Uint16(b[8:]) == leafPage {
		return v.walkLeaf(b, least, limit)
	}
	if order.Uint16(b[8:]) != branchPage || order.Uint16(b[10:]) == 0 {
		return fmt.Errorf("page %d is not a tree's", id)
	}
	elements, err := readElements(b, least, limit)
	if err != nil {
		return err
	}
	for i, e := range elements {
		next := limit
		if i+1 < len(elements) {
			next = elements[i+1].key
		}
		if err := v.walk(e.child, e.key, next); err != nil {
			return err
		}
	}
	return nil
}

// walkLeaf verifies a leaf page, or a bucket that stands within one.
func (v *verifier) walkLeaf(b, least, limit []byte) error {
	elements, err := readElements(b, least, limit)
	if err != nil {
		return err
	}
	for _, e := range elements {
		if e.flags&bucketFlag == 0 {
			continue
		}
		if len(e.value) < bucketHeaderSize {
			return errors.New("a bucket is cut off")
		}
		if root := order.Uint64(e.value); root != 0 {
			err = v.walk(root, nil, nil)
		} else if inline := e.value[bucketHeaderSize:]; len(inline) < pageHeaderSize || order.Uint16(inline[8:]) != leafPage {
			err = errors.New("a bucket is cut off")
		} else {
			err = v.walkLeaf(inline, nil, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// element is one entry of a page: a child of a branch, or a key with its value.
type element struct {
	flags uint32
	key   []byte
	value []byte
	child uint64
}

// readElements returns the entries of a page, whose keys must be in order, not
// less than least, and less than limit unless that is nil.
func readElements(b, least, limit []byte) ([]element, error) {
	leaf, count := order.Uint16(b[8:]) == leafPage, int(order.Uint16(b[10:]))
	if pageHeaderSize+count*elementSize > len(b) {
		return nil, errors.New("a page has too many entries")
	}
	elements := make([]element, count)
	for i := range elements {
		at := pageHeaderSize + i*elementSize
		e := &elements[i]
		var pos, keySize, valueSize uint64
		if raw := b[at:]; leaf {
			e.flags = order.Uint32(raw)
			pos, keySize, valueSize = uint64(order.Uint32(raw[4:])), uint64(order.Uint32(raw[8:])), uint64(order.Uint32(raw[12:]))
		} else {
			pos, keySize = uint64(order.Uint32(raw)), uint64(order.Uint32(raw[4:]))
			e.child = order.Uint64(raw[8:])
		}
		begin := uint64(at) + pos
		if begin+keySize+valueSize > uint64(len(b)) {
			return nil, errors.New("an entry lies outside its page")
		}
		e.key, e.value = b[begin:begin+keySize], b[begin+keySize:begin+keySize+valueSize]
		if bytes.Compare(e.key, least) < 0 || i > 0 && bytes.Equal(e.key, least) || limit != nil && bytes.Compare(e.key, limit) >= 0 {
			return nil, errors.New("keys are out of order")
		}
		least = e.key
	}
	return elements, nil
}

// verifyFreelist checks that what bbolt would hand out is not in use.
func (v *verifier) verifyFreelist() error {
	if v.freelist == noFreelist {
		return errors.New("it has no list of free pages")
	}
	b, err := v.page(v.freelist)
	if err != nil {
		return err
	}
	const idSize = 8
	ids, count := b[pageHeaderSize:], uint64(order.Uint16(b[10:]))
	if count == 0xFFFF { // too many for the header: the first entry tells
		count, ids = order.Uint64(ids), ids[idSize:]
	}
	if order.Uint16(b[8:]) != freelistPage || count > uint64(len(ids)/idSize) {
		return errors.New("its list of free pages is not one")
	}
	for ; count > 0; count-- {
		id := order.Uint64(ids)
		ids = ids[idSize:]
		if id < 2 || id >= v.high || v.used[id] {
			return fmt.Errorf("page %d is free and used at once", id)
		}
		v.used[id] = true
	}
	return nil
}
