package qemu

import (
	"encoding/base64"
	"fmt"
	"strings"

	"image-builder/internal/sandbox/guest"
)

// programSerial is the serial number of the disk that holds this program.
const programSerial = "image-builder"

// portName names the virtio-serial port of the talk.
const portName = "org.image-builder.guest"

// The way in is a system credential that systemd 252 and later read from the firmware: tmpfiles.extra makes files in
// /run early in the boot. One is a unit; another a rule of udev that starts it for a virtio-serial port. systemd.system-credentials(7)
//
// The files are in memory only, so nothing is left, and no cloud-init is needed.

// files are the lines of tmpfiles.d(5) that bring the guest up; size is the program's, in bytes.
func files(size int64) string {
	device := "/dev/disk/by-id/virtio-" + programSerial
	fetch := strings.Join([]string{
		"mkdir -p " + guest.Directory,
		"mount -t tmpfs -o mode=0700,nosuid,nodev tmpfs " + guest.Directory,
		"until [ -b " + device + " ]; do sleep 0.1; done",
		fmt.Sprintf("head -c %d %s >%s", size, device, guest.Program),
		"chmod 0755 " + guest.Program, // its directory keeps others out; a share of it may be for them
	}, "; ") + "; "

	unit := guest.UnitText(fetch, "/dev/virtio-ports/"+portName)
	rule := `SUBSYSTEM=="virtio-ports", TAG+="systemd", ENV{SYSTEMD_WANTS}+="` + guest.Unit + "\"\n"

	return "f /run/systemd/system/" + guest.Unit + " 0644 root root - " + oneLine(unit) +
		"f /run/udev/rules.d/99-image-builder.rules 0644 root root - " + oneLine(rule) +
		"w /sys/class/virtio-ports/vport*p*/uevent - - - - change\n"
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", `\n`) + "\n" }

// credentials are QEMU's arguments that hand the lines over, in both of the places that systemd reads.
func credentials(lines string) []string {
	return []string{
		"-smbios", "type=11,value=io.systemd.credential.binary:tmpfiles.extra=" + base64.StdEncoding.EncodeToString([]byte(lines)),
		"-fw_cfg", "name=opt/io.systemd.credentials/tmpfiles.extra,string=" + escape(lines),
	}
}
