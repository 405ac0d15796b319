package guest

// Paths in a machine that boots. All of it is in memory.
const (
	// Unit is the systemd unit that serves the talk.
	Unit = "image-builder-guest.service"
	// Directory is where the unit finds what it needs.
	Directory = "/run/image-builder-guest"
	// Program is this program, in the machine.
	Program = Directory + "/program"
)

// UnitText is the unit's file. fetch is a shell command that puts Program where it is not yet; port is the file or
// socket that the talk goes through.
func UnitText(fetch, port string) string {
	return `[Unit]
Description=Commands of image-builder
DefaultDependencies=no
Conflicts=shutdown.target
[Service]
ExecStart=/bin/sh -c "` + fetch + `exec ` + Program + ` guest serve ` + port + `"
StandardInput=null
KillMode=mixed
OOMScoreAdjust=-900
`
}
