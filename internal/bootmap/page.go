package bootmap

import (
	_ "embed" // page.html
	"fmt"
	"html/template"
	"io"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// The page's measures, in units of its drawings, and how much it shows.
const (
	pageWidth  = 960
	unitHeight = 15
	pageUnits  = 40
	pageFiles  = 60
	mapColumns = 96
	mapRows    = 64 // at most
	labelWidth = 6  // of a character, about
)

// Colours that differ in brightness too, for paper without colours.
var (
	phaseFills = map[string]string{"firmware": "#c9c9c9", "boot loader": "#9ecae1", "kernel": "#fdd49e", "initramfs": "#c7e9c0", "units": "#bcbddc", "first job": "#fa9fb5"}
	unitFill   = "#bcbddc"
	waitFill   = "#b30000"
)

// WritePage writes the map as one HTML page, which needs nothing else. Title names what was booted.
func (m Map) WritePage(w io.Writer, title string) error {
	p := sheet{Map: m, Title: title, Width: pageWidth, WaitFill: waitFill}
	p.facts()
	p.phases()
	p.units()
	p.cells()
	p.files()
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
