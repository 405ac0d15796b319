package blockserver

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Storage is how slow a block is that is touched for the first time. The zero value is not slow.
type Storage struct {
	Name string
	// Delay is how long a block takes to load.
	Delay time.Duration
	// AtOnce is how many blocks load at the same time.
	AtOnce int
}

// atOnce is an assumption: AWS does not publish how many blocks of a volume load at the same time.
const atOnce = 16

// storages are those with a name, from figures of users and of AWS: what one reader that waits for each block sees.
// https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html
var storages = []Storage{
	{Name: "warm"},
	{Name: "5MiB/s", Delay: BlockSize * time.Second / (5 << 20), AtOnce: atOnce},
	{Name: "300MiB/s", Delay: BlockSize * time.Second / (300 << 20), AtOnce: atOnce},
}

// StorageNamed returns the storage of a name.
func StorageNamed(name string) (Storage, error) {
	at := slices.IndexFunc(storages, func(s Storage) bool { return s.Name == name })
	if at < 0 {
		return Storage{}, fmt.Errorf("%q is not a storage: use %s", name, strings.Join(StorageNames(), ", "))
	}
	return storages[at], nil
}

// StorageNames lists the names.
func StorageNames() []string {
	var names []string
	for _, s := range storages {
		names = append(names, s.Name)
	}
	return names
}

// loader loads blocks, each once.
type loader struct {
	storage Storage
	slots   chan struct{}
	stopped chan struct{}
	once    sync.Once

	lock   sync.Mutex
	blocks map[int64]chan struct{} // closed once the block is loaded
}

func newLoader(storage Storage) *loader {
	return &loader{
		storage: storage, slots: make(chan struct{}, max(1, storage.AtOnce)), stopped: make(chan struct{}), blocks: map[int64]chan struct{}{},
	}
}

// stop lets everything that waits go on.
func (l *loader) stop() { l.once.Do(func() { close(l.stopped) }) }

// load returns when the blocks of a run of bytes are loaded, and says how long that took.
func (l *loader) load(offset, length int64) time.Duration {
	if l.storage.Delay == 0 {
		return 0
	}

	start := time.Now()
	var loads []chan struct{}
	wait := false
	for index := offset / BlockSize; index*BlockSize < offset+length; index++ {
		loads = append(loads, l.begin(index, &wait))
	}
	for _, loaded := range loads {
		select {
		case <-loaded:
		case <-l.stopped:
		}
	}

	if !wait {
		return 0
	}
	return time.Since(start)
}

// begin starts to load a block, if nobody has.
func (l *loader) begin(index int64, wait *bool) chan struct{} {
	l.lock.Lock()
	defer l.lock.Unlock()
	loaded, known := l.blocks[index]
	if known {
		select {
		case <-loaded:
		default:
			*wait = true
		}
		return loaded
	}

	*wait = true
	loaded = make(chan struct{})
	l.blocks[index] = loaded
	go l.fetch(loaded)
	return loaded
}

func (l *loader) fetch(loaded chan struct{}) {
	defer close(loaded)
	select {
	case l.slots <- struct{}{}:
	case <-l.stopped:
		return
	}
	defer func() { <-l.slots }()

	slow := time.NewTimer(l.storage.Delay)
	defer slow.Stop()
	select {
	case <-slow.C:
	case <-l.stopped:
	}
}
