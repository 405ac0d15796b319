package bootmap

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"image-builder/internal/blockserver"
)

// sheet is what the page's template shows.
type sheet struct {
	Map
	Title, Recorded       string
	Login, Job, Waited    string // Waited is empty if the machine never did, Job if there was none
	Touched, Read         string
	Expected              string
	Width                 int
	Phases, Waits, Legend []bar
	Ticks                 []tick
	PhaseRows             []row
	Units                 []bar
	UnitsHeight           int
	WaitFill              string
	Cells                 []bar
	CellSize              string
	MapHeight             int
	MapWidth, MapRows     string
	Files                 []row
	MoreFiles             int
}

// bar is a rectangle of a drawing. Lengths are texts, so that every locale and template writes them alike.
type bar struct {
	Name, Took, Label, Fill string
	X, Y, W                 string
	WaitY, WaitW            string
	TextX, TextY, Anchor    string
}

type tick struct{ X, Label, Anchor string }

type row struct {
	Name, From, Took, Waited, Blocks, Read, Units string
}

func (s *sheet) facts() {
	s.Login = inSeconds(s.Map.Login)
	if s.Map.Job > 0 {
		s.Job = inSeconds(s.Map.Job)
	}
	s.Recorded = s.Map.Recorded.Format("2 January 2006, 15:04 MST")
	s.Touched = size(int64(len(s.Blocks)) * blockserver.BlockSize)
	s.Read = size(s.Bytes)
	if s.Map.Waited > 0 {
		s.Waited = inSeconds(s.Map.Waited)
		return
	}

	var expected []string
	for _, name := range blockserver.StorageNames() {
		if storage, err := blockserver.StorageNamed(name); err == nil && storage.Delay > 0 {
			expected = append(expected, s.Until()+" after "+inSeconds(s.Predict(storage))+" at "+name)
		}
	}
	s.Expected = strings.Join(expected, ", ")
}

// x is where a moment is drawn.
func (s *sheet) x(seconds float64) float64 {
	if s.End() <= 0 {
		return 0
	}
	return min(seconds/s.End(), 1) * pageWidth
}

func (s *sheet) phases() {
	for _, p := range s.Map.Phases {
		width := s.x(p.End) - s.x(p.Start)
		b := bar{Name: p.Name, Took: inSeconds(p.End - p.Start), Fill: phaseFills[p.Name], X: length(s.x(p.Start)), W: length(width)}
		if label := p.Name + " " + b.Took; width > float64(len(label)*labelWidth+8) {
			b.Label = label
		}
		s.Phases = append(s.Phases, b)
		s.Legend = append(s.Legend, bar{Name: p.Name, Fill: b.Fill})

		if p.Waited > 0 {
			s.Waits = append(s.Waits, bar{Name: p.Name, Took: inSeconds(p.Waited), Fill: waitFill, X: b.X, W: length(s.x(p.Waited))})
		}
		s.PhaseRows = append(s.PhaseRows, row{
			Name: p.Name, From: inSeconds(p.Start), Took: b.Took, Waited: inSeconds(p.Waited), Blocks: fmt.Sprint(p.Blocks), Read: size(p.Bytes),
		})
	}

	if len(s.Waits) > 0 {
		s.Legend = append(s.Legend, bar{Name: "waited for storage, within the phase", Fill: waitFill})
	}
	s.ticks()
}

// ticks writes seconds below a timeline, about ten of them.
func (s *sheet) ticks() {
	step := math.Pow(10, math.Floor(math.Log10(max(s.End(), 0.1)/2)))
	for _, times := range []float64{1, 2, 5, 10} {
		if s.End()/(step*times) <= 12 {
			step *= times
			break
		}
	}

	for at := 0.0; at <= s.End(); at += step {
		anchor := "middle"
		switch {
		case at == 0:
			anchor = "start"
		case s.x(at) > pageWidth-20:
			anchor = "end"
		}
		s.Ticks = append(s.Ticks, tick{length(s.x(at)), fmt.Sprintf("%.4g s", at), anchor})
	}
}

func (s *sheet) units() {
	longest := slices.Clone(s.Map.Units)
	slices.SortStableFunc(longest, func(a, b Span) int { return cmp.Compare(b.End-b.Start, a.End-a.Start) })
	longest = longest[:min(len(longest), pageUnits)]
	slices.SortStableFunc(longest, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })

	for i, u := range longest {
		y := i * unitHeight
		start := s.x(u.Start)
		end := s.x(u.End)
		b := bar{
			Name: u.Name, Took: inSeconds(u.End - u.Start), Label: u.Name + " " + inSeconds(u.End-u.Start), Fill: unitFill,
			X: length(start), Y: fmt.Sprint(y + 2), W: length(max(1, end-start)), TextX: length(end + 4), TextY: fmt.Sprint(y + 11), Anchor: "start",
		}
		if end+float64(len(b.Label)*labelWidth) > pageWidth {
			b.TextX = length(start - 4)
			b.Anchor = "end"
		}
		if u.Waited > 0 {
			b.WaitY = fmt.Sprint(y + 9)
			b.WaitW = length(s.x(u.Waited))
		}
		s.Units = append(s.Units, b)
	}

	s.UnitsHeight = len(longest)*unitHeight + 4
}

// cells draws the disk, so many blocks a cell that it fits.
func (s *sheet) cells() {
	blocks := max(1, (s.Size+blockserver.BlockSize-1)/blockserver.BlockSize)
	perCell := (blocks + mapColumns*mapRows - 1) / (mapColumns * mapRows)
	edge := float64(pageWidth) / mapColumns
	rows := (blocks + mapColumns*perCell - 1) / (mapColumns * perCell)
	s.CellSize = size(perCell * blockserver.BlockSize)
	s.MapRows = length(float64(rows)*edge - 1)
	s.MapWidth = length(pageWidth - 1)
	s.MapHeight = int(math.Ceil(float64(rows)*edge)) + 1

	drawn := map[int64]bool{}
	for i, block := range s.Blocks {
		cell := block.Index / perCell
		if drawn[cell] {
			continue
		}
		drawn[cell] = true
		light := 20 + 60*i/max(1, len(s.Blocks))
		s.Cells = append(s.Cells, bar{
			Name: fmt.Sprintf("%s, after %s", block.What, inSeconds(block.At)), Fill: fmt.Sprintf("hsl(215 70%% %d%%)", light),
			X: length(float64(cell%mapColumns) * edge), Y: length(float64(cell/mapColumns) * edge), W: length(edge - 1),
		})
	}
}

func (s *sheet) files() {
	for _, f := range s.Map.Files[:min(len(s.Map.Files), pageFiles)] {
		s.Files = append(s.Files, row{
			Name: f.What, Blocks: fmt.Sprint(f.Blocks), Read: size(f.Bytes), Waited: inSeconds(f.Waited), Units: strings.Join(f.Units, ", "),
		})
	}
	s.MoreFiles = len(s.Map.Files) - len(s.Files)
}

func inSeconds(s float64) string { return fmt.Sprintf("%.1f s", s) }

// length writes a length of a drawing.
func length(l float64) string { return fmt.Sprintf("%.2f", l) }

func size(bytes int64) string { return humanize.IBytes(uint64(max(0, bytes))) }
