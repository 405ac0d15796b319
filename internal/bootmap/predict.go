package bootmap

import "image-builder/internal/blockserver"

// Predict returns the seconds after which the boot of this map, with its first job, would be at its end if blocks were as slow as
// storage says. It takes the machine to wait for everything that it asks for at one time, and to do nothing meanwhile; a
// machine of several processors may be faster. The map must be of a boot whose blocks were not slow.
func (m Map) Predict(storage blockserver.Storage) float64 {
	waits := 0.0
	batch := 0
	flush := func() {
		atOnce := max(1, storage.AtOnce)
		waits += float64((batch+atOnce-1)/atOnce) * storage.Delay.Seconds()
		batch = 0
	}

	for i, block := range m.Blocks {
		if i > 0 && !block.Beside {
			flush()
		}
		batch++
	}
	flush()

	return m.End() + waits
}
