package disk

import (
	"os"
	"testing"

	"image-builder/internal/mountns/mountnstest"
)

func TestMain(m *testing.M) {
	mountnstest.Enter()
	if tool := os.Getenv(toolVariable); tool != "" {
		useTool(tool, os.Args[1])
	}
	os.Exit(m.Run())
}
