package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"image-builder/internal/finding"
)

func FuzzLint(f *testing.F) {
	for _, pattern := range []string{"testdata/documents/*", "testdata/templates/*"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}

	for _, seed := range []string{
		"#!/bin/bash\ncurl x | sh\n", "schemaVersion: 1.0\nphases: &a [*a]\n", "Resources: {A: {Type: AWS::ImageBuilder::Component, Properties: {Data: \"\\ud83d\\ude00\\n\"}}}",
		"base: x\ncomponents: [{path: x, parameters: {a: b}}]\n", documentOf("ls {{ a }} # lint:ignore IB401\n"), templateHead + "      Data: !Join ['', [a, !Ref b]]\n",
	} {
		f.Add([]byte(seed))
	}

	l := linter()
	f.Fuzz(func(t *testing.T, text []byte) {
		result, err := l.Text("x.yml", text)
		if err != nil {
			return
		}

		for _, one := range result.Findings {
			if one.Code == "" || one.Message == "" || one.Line < 0 || one.Column < 0 || one.Line > strings.Count(string(text), "\n")+2 {
				t.Fatalf("finding %+v is incomplete or points outside", one)
			}
		}

		var out strings.Builder
		if err := finding.WriteText(&out, result.Findings, func(string) []byte { return text }); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkLint checks 300 documents of the kinds that people write: see the metric documents/s.
func BenchmarkLint(b *testing.B) {
	files, err := filepath.Glob("testdata/documents/*.yml")
	if err != nil || len(files) == 0 {
		b.Fatal("no documents", err)
	}
	var texts [][]byte

	size := 0
	for i := range 300 {
		text, err := os.ReadFile(files[i%len(files)])
		if err != nil {
			b.Fatal(err)
		}
		texts = append(texts, text)
		size += len(text)
	}

	l := linter()
	b.SetBytes(int64(size))

	for b.Loop() {
		for i, text := range texts {
			if _, err := l.Text(fmt.Sprintf("%d.yml", i), text); err != nil {
				b.Fatal(err)
			}
		}
	}

	b.ReportMetric(float64(len(texts)*b.N)/b.Elapsed().Seconds(), "documents/s")
	b.ReportMetric(float64(size)/float64(len(texts)), "bytes/document")
}
