package early

import (
	"os"

	"image-builder/internal/mountns/namespace"
)

func init() {
	if bakes(os.Args) && os.Geteuid() == 0 && !namespace.Private() {
		_, _ = namespace.Enter() // the command tries again, and says why it cannot
	}
}
