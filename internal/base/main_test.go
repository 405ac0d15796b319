package base_test

import (
	"os"
	"testing"

	"image-builder/internal/mountns/mountnstest"
)

func TestMain(m *testing.M) {
	mountnstest.Enter()
	os.Exit(m.Run())
}
