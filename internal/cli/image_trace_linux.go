package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"image-builder/internal/blockserver"
	"image-builder/internal/boot"
	"image-builder/internal/bootmap"
	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/sandbox/qemu"
	"image-builder/internal/terminal"
)

// Tracing are the flags of what a machine reads.
type Tracing struct {
	Trace string `help:"Record what is read of the disk, and write it to this file, as JSON." type:"path" placeholder:"FILE"`
	HTML  string `name:"html" help:"Write what was read as an HTML page to this file." type:"path" placeholder:"PAGE"`
	Cold  string `help:"Boot with storage whose blocks are slow when they are touched first: 5MiB/s, 300MiB/s or warm." placeholder:"STORAGE"`
}

func (t Tracing) wanted() bool { return t.Trace != "" || t.HTML != "" || t.Cold != "" }

// storage is that of --cold.
func (t Tracing) storage() (blockserver.Storage, error) {
	storage, err := blockserver.StorageNamed(cmp.Or(t.Cold, warm))
	if err != nil {
		return storage, fault.New(fault.BadInput, fmt.Errorf("boot disk: --cold: %w", err), "")
	}
	return storage, nil
}

// write writes a map wherever it is asked for. Title names what was booted.
func (t Tracing) write(m bootmap.Map, title string) error {
	var err error
	if t.Trace != "" {
		err = errors.Join(err, writeWhole(t.Trace, func(w io.Writer) error { return json.NewEncoder(w).Encode(m) }))
	}
	if t.HTML != "" {
		err = errors.Join(err, writeWhole(t.HTML, func(w io.Writer) error { return m.WritePage(w, title) }))
	}
	return err
}

// traced boots and shows what the boot read.
func (c *ImageBootCmd) traced(ctx context.Context, env *Env, config qemu.BootConfig) error {
	storage, err := c.storage()
	if err != nil {
		return err
	}
	watch := env.watcher()
	defer watch.Close()
	m, result, err := boot.Boot{Report: watch.Report}.Traced(ctx, config, storage, c.Console)
	watch.Close()
	if err != nil {
		return err
	}

	if err := c.keep(config, m); err != nil {
		return err
	}

	facts := bootFacts(config, result)
	facts["bootMap"] = m
	return env.result(facts, bootLine(result)+"\n\n"+strings.TrimSuffix(mapText(m), "\n"), nil)
}

// warm is the storage whose blocks are not slow.
const warm = "warm"

// keep writes a map wherever it is asked for, and beside an image's disk.
func (c *ImageBootCmd) keep(config qemu.BootConfig, m bootmap.Map) error {
	err := c.write(m, filepath.Base(c.Disk))
	if c.stored && m.Storage == warm {
		err = errors.Join(err, Tracing{Trace: filepath.Join(filepath.Dir(config.Disk), bootmap.FileName)}.write(m, ""))
	}
	return err
}

// writeWhole writes a file as a whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	part, err := os.CreateTemp(filepath.Dir(path), ".boot-map-")
	if err != nil {
		return fmt.Errorf("write boot map: %w", err)
	}

	err = errors.Join(write(part), part.Chmod(0o644), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write boot map: %w", errors.Join(err, os.Remove(part.Name())))
	}

	return nil
}

// storedMap is the map of an image's last traced boot.
func storedMap(img image.Image) (m bootmap.Map, err error) {
	path := filepath.Join(filepath.Dir(img.Disk), bootmap.FileName)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, fault.New(fault.NotUsable, fmt.Errorf("show boot map: no boot of %s was traced", img.ID), "image-builder image boot "+img.ID+" --trace boot.json")
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, fmt.Errorf("show boot map: %w", err)
	}

	return m, nil
}

// The rows that people see of a map; JSON has all.
const (
	shownUnits = 12
	shownFiles = 20
)

// mapText is a map for people.
func mapText(m bootmap.Map) string {
	var text strings.Builder
	blocks := int64(len(m.Blocks))
	if m.Job > 0 {
		fmt.Fprintf(&text, "%-8s done after %s\n", "job", seconds(m.Job))
	}
	for _, fact := range [][2]string{
		{"login", fmt.Sprintf("after %s (%s), with storage %s", seconds(m.Login), m.Accelerator, m.Storage)},
		{"touched", fmt.Sprintf("%s of 512 KiB, %s, in %s", count(int(blocks), "block"), terminal.Size(blocks*blockserver.BlockSize), count(m.Runs, "run"))},
		{"read", fmt.Sprintf("%s of that, by %s", terminal.Size(m.Bytes), count(m.Requests, "request"))},
		{"waited", seconds(m.Waited) + " for blocks to load"},
	} {
		fmt.Fprintf(&text, "%-8s %s\n", fact[0], fact[1])
	}

	if m.Storage == warm {
		fmt.Fprintf(&text, "%-8s %s\n", "expect", strings.Join(expected(m), ", "))
	}

	spanTable(&text, "PHASE", m.Phases)
	units := slices.Clone(m.Units)
	slices.SortStableFunc(units, func(a, b bootmap.Span) int {
		return cmp.Or(cmp.Compare(b.Waited, a.Waited), cmp.Compare(b.End-b.Start, a.End-a.Start))
	})
	spanTable(&text, "UNIT", units[:min(len(units), shownUnits)])
	fileTable(&text, m.Files[:min(len(m.Files), shownFiles)])

	return text.String()
}

// expected lists what the boot would take with storage that is slow.
func expected(m bootmap.Map) []string {
	var list []string
	for _, name := range blockserver.StorageNames() {
		if storage, err := blockserver.StorageNamed(name); err == nil && storage.Delay > 0 {
			list = append(list, m.Until()+" after "+seconds(m.Predict(storage))+" at "+name)
		}
	}
	return list
}

func spanTable(text *strings.Builder, heading string, spans []bootmap.Span) {
	if len(spans) == 0 {
		return
	}
	var rows [][]string
	for _, s := range spans {
		rows = append(rows, []string{
			terminal.Harmless(s.Name), seconds(s.Start), seconds(s.End - s.Start), seconds(s.Waited),
			fmt.Sprint(s.Blocks), terminal.Size(s.Bytes),
		})
	}
	text.WriteString("\n")
	_ = terminal.WriteTable(text, []string{heading, "FROM", "TOOK", "WAITED", "BLOCKS", "READ"}, rows) // a Builder takes everything
}

func fileTable(text *strings.Builder, files []bootmap.File) {
	var rows [][]string
	for _, f := range files {
		units := f.Units
		more := ""
		if len(units) > 2 {
			more = fmt.Sprintf(" and %d more", len(units)-2)
			units = units[:2]
		}

		rows = append(rows, []string{
			terminal.Harmless(f.What), fmt.Sprint(f.Blocks), terminal.Size(f.Bytes), seconds(f.Waited),
			terminal.Harmless(cmp.Or(strings.Join(units, ", "), "-")) + more,
		})
	}
	text.WriteString("\n")
	_ = terminal.WriteTable(text, []string{"FILE", "BLOCKS", "READ", "WAITED", "WHILE"}, rows) // a Builder takes everything
}
