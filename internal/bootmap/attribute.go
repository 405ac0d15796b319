package bootmap

import (
	"cmp"
	"slices"
	"time"

	"image-builder/internal/blockserver"
	"image-builder/internal/disk"
)

// attribution adds reads to a map.
type attribution struct {
	m      *Map
	uses   Uses
	pages  map[int64]bool // that were read
	blocks map[int64]bool
	files  map[string]*File
	units  map[string]map[string]bool // by file
	// first is what each read touched first; "" if it touched nothing new.
	first []string
}

func newAttribution(m *Map, uses Uses) *attribution {
	return &attribution{m: m, uses: uses, pages: map[int64]bool{}, blocks: map[int64]bool{}, files: map[string]*File{}, units: map[string]map[string]bool{}}
}

// add counts a read.
func (a *attribution) add(read blockserver.Read) {
	a.m.Requests++
	at := read.At.Seconds()
	cause := ""
	for number := read.Offset / page; number*page < read.Offset+read.Length; number++ {
		if a.pages[number] {
			continue
		}
		a.pages[number] = true

		what := a.what(number * page)
		file := a.file(what, at)
		file.Bytes += page
		a.m.Bytes += page

		block := number * page / blockserver.BlockSize
		fresh := int64(0)
		if !a.blocks[block] {
			fresh = 1
			a.touch(Block{Index: block, At: at, What: what, Beside: read.Beside || cause != ""})
			file.Blocks++
			cause = cmp.Or(cause, what)
		}
		for _, spans := range [][]Span{a.m.Phases, a.m.Units} {
			during(spans, at, func(s *Span) {
				s.Bytes += page
				s.Blocks += fresh
			})
		}
	}

	a.first = append(a.first, cmp.Or(cause, a.what(read.Offset)))
}

func (a *attribution) touch(block Block) {
	a.blocks[block.Index] = true
	if last := len(a.m.Blocks) - 1; last < 0 || a.m.Blocks[last].Index+1 != block.Index {
		a.m.Runs++
	}
	a.m.Blocks = append(a.m.Blocks, block)
}

// what names the use of a page.
func (a *attribution) what(offset int64) string {
	if a.uses == nil {
		return "the disk"
	}
	run := a.uses.At(offset)
	if run.Use == disk.File {
		return run.Path
	}
	return string(run.Use)
}

// file returns the row of a use, which is read at a moment.
func (a *attribution) file(what string, at float64) *File {
	file := a.files[what]
	if file == nil {
		file = &File{What: what, Units: []string{}}
		a.files[what] = file
		a.units[what] = map[string]bool{}
	}
	latest := ""
	during(a.m.Units, at, func(s *Span) { latest = s.Name })
	if latest != "" {
		a.units[what][latest] = true
	}

	return file
}

// during calls use with the spans that a moment lies in.
func during(spans []Span, at float64, use func(*Span)) {
	for i := range spans {
		if spans[i].Start <= at && at < spans[i].End {
			use(&spans[i])
		}
	}
}

// edge is the begin or the end of a read's wait.
type edge struct {
	at    time.Duration
	read  int
	begin bool
}

// waits shares the time in which reads wait among the reads that wait at each moment.
func (a *attribution) waits(reads []blockserver.Read, end time.Duration) {
	var edges []edge
	for i := range min(len(reads), len(a.first)) {
		if reads[i].Waited > 0 {
			edges = append(edges, edge{reads[i].At, i, true}, edge{min(end, reads[i].At+reads[i].Waited), i, false})
		}
	}
	slices.SortStableFunc(edges, func(x, y edge) int { return cmp.Compare(x.at, y.at) })

	waiting := map[int]bool{}
	for i, e := range edges {
		if i > 0 && len(waiting) > 0 && e.at > edges[i-1].at {
			a.wait(waiting, edges[i-1].at.Seconds(), (e.at - edges[i-1].at).Seconds())
		}
		if e.begin {
			waiting[e.read] = true
		} else {
			delete(waiting, e.read)
		}
	}
}

// wait adds a piece of time in which the same reads wait.
func (a *attribution) wait(waiting map[int]bool, at, seconds float64) {
	a.m.Waited += seconds
	for _, spans := range [][]Span{a.m.Phases, a.m.Units} {
		for i := range spans {
			spans[i].Waited += max(0, min(spans[i].End, at+seconds)-max(spans[i].Start, at))
		}
	}
	for read := range waiting {
		if file := a.files[a.first[read]]; file != nil {
			file.Waited += seconds / float64(len(waiting))
		}
	}
}

func (a *attribution) finish() {
	for what, file := range a.files {
		for unit := range a.units[what] {
			file.Units = append(file.Units, unit)
		}
		slices.Sort(file.Units)
		a.m.Files = append(a.m.Files, *file)
	}
	slices.SortFunc(a.m.Files, func(x, y File) int {
		return cmp.Or(cmp.Compare(y.Blocks, x.Blocks), cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.What, y.What))
	})
}
