package bootmap

import "image-builder/internal/blockserver"

// Predict returns the seconds after which the boot of this map, with its first job, would be at its end if blocks were as slow as
// storage says. The map must be of a boot whose blocks were not slow.
//
// It takes the machine to wait for everything that it asks for at one time, and to do nothing meanwhile. While units start, the
// others go on when one waits: that phase takes as long as its blocks, or as it took without waiting, whichever is longer.
func (m Map) Predict(storage blockserver.Storage) float64 {
	waits := m.waits(storage)
	for _, phase := range m.Phases {
		if phase.Name == unitsPhase {
			hidden := m.between(phase.Start, phase.End).waits(storage)
			waits -= min(hidden, phase.End-phase.Start)
		}
	}
	return m.End() + waits
}

// waits returns the seconds that blocks take to load, those that were asked for together at one time.
func (m Map) waits(storage blockserver.Storage) float64 {
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

	return waits
}

// between is the map with those blocks only that were touched between two moments, in seconds.
func (m Map) between(start, end float64) Map {
	var blocks []Block
	for _, block := range m.Blocks {
		if block.At >= start && block.At < end {
			blocks = append(blocks, block)
		}
	}
	m.Blocks = blocks
	return m
}
