package soak_test

import (
	"math/rand/v2"
	"os"
)

// torn returns what a crash in the middle of a commit may leave behind: any of
// the pages that the commit wrote, and no meta page, or a part of one. Bbolt
// syncs the pages before it writes a meta, and never writes over a page that
// the last commit needs.
func torn(rng *rand.Rand, before, after []byte) []byte {
	const pageSize, metas, metaEnd = 4096, 2, 80
	image := append([]byte(nil), before...)
	if chance(rng, 0.5) && len(after) > len(image) { // grown, the new part not written
		image = append(image, make([]byte, len(after)-len(image))...)
	}
	for at := metas * pageSize; at+pageSize <= min(len(after), len(image)); at += pageSize {
		if chance(rng, 0.5) {
			copy(image[at:at+pageSize], after[at:])
		}
	}
	if chance(rng, 0.5) {
		half := rng.IntN(metaEnd - 8) // the checksum comes last
		for meta := range metas {
			copy(image[meta*pageSize:][:half], after[meta*pageSize:])
		}
	}
	return image
}

func read(path string) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return content
}
