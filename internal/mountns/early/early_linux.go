package early

import (
	"os"

	"image-builder/internal/cli/called"
	"image-builder/internal/mountns/namespace"
)

func init() {
	if len(os.Args) > 1 && called.Command(os.Args[1:]) == "bake" && os.Geteuid() == 0 && !namespace.Private() {
		_, _ = namespace.Enter() // the command tries again, and says why it cannot
	}
}
