package qemu

import (
	"fmt"
	"os"
	"os/exec"

	"image-builder/internal/disk"
	"image-builder/internal/fault"
	"image-builder/internal/image"
)

// flash is a UEFI firmware: its code, and the template of its variables.
type flash struct{ code, variables string }

// flashes lists where distributions keep UEFI firmware, without Secure Boot, newest format first.
func flashes(arch image.Arch) []flash {
	if arch == image.ARM64 {
		return []flash{
			{"/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"},                     // Debian, Ubuntu
			{"/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"},                                // Debian, Ubuntu, Fedora
			{"/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "/usr/share/edk2/aarch64/vars-template-pflash.raw"}, // Fedora
			{"/usr/share/edk2/aarch64/QEMU_CODE.fd", "/usr/share/edk2/aarch64/QEMU_VARS.fd"},                    // Arch
		}
	}

	return []flash{
		{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},             // Debian, Ubuntu
		{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},                   // older ones, Fedora
		{"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"},         // Fedora
		{"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"},     // Arch
		{"/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd"}, // Arch, older
		{"/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"},   // SUSE
		{"/usr/share/edk2-ovmf/OVMF_CODE.fd", "/usr/share/edk2-ovmf/OVMF_VARS.fd"},         // Gentoo
	}
}

func findFlash(arch image.Arch) (flash, error) {
	for _, candidate := range flashes(arch) {
		_, code := os.Stat(candidate.code)
		_, variables := os.Stat(candidate.variables)
		if code == nil && variables == nil {
			return candidate, nil
		}
	}

	pkg := "ovmf"
	if arch == image.ARM64 {
		pkg = "qemu-efi-aarch64"
	}

	return flash{}, fmt.Errorf("find UEFI firmware for %s: it is not installed: apt-get install %s (edk2-ovmf elsewhere)", arch, pkg)
}

// espType and biosBootType mark what a disk can be booted by.
const (
	espType      = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	biosBootType = "21686148-6449-6E6F-744E-656564454649"
)

// firmwareOf tells what a disk is made for; UEFI wins if it is made for both.
func firmwareOf(arch image.Arch, path string) (image.Firmware, error) {
	if arch == image.ARM64 {
		return image.UEFI, nil
	}
	partitions, err := disk.Partitions(path)
	if err != nil {
		return "", err
	}

	firmware := image.BIOS
	for _, p := range partitions {
		if p.Type == espType || p.Type == "EF" || p.Type == "ef" {
			firmware = image.UEFI
		}
	}

	if _, missing := findFlash(arch); firmware == image.UEFI && missing != nil {
		for _, p := range partitions {
			if p.Type == biosBootType {
				return image.BIOS, nil
			}
		}
	}

	return firmware, nil
}

// system is the program that emulates a machine, and the package that has it.
func system(arch image.Arch) (program, pkg string) {
	if arch == image.ARM64 {
		return "qemu-system-aarch64", "qemu-system-arm"
	}
	return "qemu-system-x86_64", "qemu-system-x86"
}

// Preflight reports whether this machine can boot disks of an architecture; its error names what to install.
func Preflight(arch image.Arch) error {
	if err := installed(arch); err != nil {
		return fault.New(fault.BadMachine, err, "")
	}
	return nil
}

func installed(arch image.Arch) error {
	program, pkg := system(arch)
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("find %s: it is not installed: apt-get install %s", program, pkg)
	}
	_, err := findFlash(arch)
	if arch == image.X86_64 {
		return nil // disks for BIOS need no more; Boot says so for others
	}
	return err
}
