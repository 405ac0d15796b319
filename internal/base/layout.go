package base

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/uuid"
)

// The division of a built disk, in bytes. The root is the last partition, so that it can grow.
const (
	mib       = 1 << 20
	biosStart = 1 * mib
	espStart  = 2 * mib
	rootStart = 36 * mib
	// rest is the backup GPT's space at the end, rounded up to the alignment of the root's end.
	rest = 1 * mib
)

// identity names the parts of a built disk. It follows from the suite, so that building twice gives the same names.
type identity struct {
	disk, bios, esp, root, filesystem uuid.UUID
}

func identityOf(name string) identity {
	id := func(part string) uuid.UUID {
		return uuid.NewSHA1(uuid.NameSpaceURL, []byte("image-builder:"+name+":"+part))
	}
	return identity{disk: id("disk"), bios: id("bios"), esp: id("esp"), root: id("root"), filesystem: id("filesystem")}
}

// platform is what differs between the architectures.
type platform struct {
	rootType      gpt.Type
	kernel        string // Debian's package
	console       string
	loader        string // file name of the removable-media loader
	efi, bios     string // GRUB's platforms; bios may be ""
	grub, grubBIO string // Debian's packages; grubBIO may be ""
}

// platformOf returns the platform of a Go architecture.
func platformOf(goarch string) (platform, error) {
	switch goarch {
	case "amd64":
		return platform{
			gpt.LinuxRootX86_64, "linux-image-cloud-amd64", "ttyS0", "BOOTX64.EFI",
			"x86_64-efi", "i386-pc", "grub-efi-amd64-bin", "grub-pc-bin",
		}, nil
	case "arm64":
		return platform{gpt.LinuxRootArm64, "linux-image-cloud-arm64", "ttyAMA0", "BOOTAA64.EFI", "arm64-efi", "", "grub-efi-arm64-bin", ""}, nil
	}
	return platform{}, fmt.Errorf("build base: this machine is %s: a Debian can be built on amd64 and arm64, for the machine's own architecture", goarch)
}

// divide makes an empty disk of size bytes with its partition table.
func divide(path string, size int64, id identity, p platform) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	defer f.Close()

	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	span := func(index int, kind gpt.Type, name string, guid uuid.UUID, start, end int64) *gpt.Partition {
		return &gpt.Partition{
			Index: index, Type: kind, Name: name, GUID: guid.String(),
			Start: uint64(start / 512), End: uint64(end/512 - 1), Size: uint64(end - start),
		}
	}

	table := &gpt.Table{
		LogicalSectorSize: 512, PhysicalSectorSize: 512, ProtectiveMBR: true, GUID: id.disk.String(),
		Partitions: []*gpt.Partition{
			span(1, gpt.BIOSBoot, "bios", id.bios, biosStart, espStart),
			span(2, gpt.EFISystemPartition, "esp", id.esp, espStart, rootStart),
			span(3, p.rootType, "root", id.root, rootStart, size-rest),
		},
	}
	if err := table.Write(f, size); err != nil {
		return fmt.Errorf("write partition table: %w", err)
	}

	return nil
}

// installUEFI makes the ESP with the loader that firmware starts when nothing else is configured.
func installUEFI(path, boot string, p platform) (err error) {
	loader, err := os.ReadFile(filepath.Join(boot, "grub.efi"))
	if err != nil {
		return fmt.Errorf("install UEFI loader: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("install UEFI loader: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	esp, err := fat32.Create(file.New(f, false), rootStart-espStart, espStart, 512, "ESP", true)
	if err != nil {
		return fmt.Errorf("make ESP: %w", err)
	}

	for _, dir := range []string{"EFI", "EFI/BOOT"} {
		if err := esp.Mkdir(dir); err != nil {
			return fmt.Errorf("make ESP: %w", err)
		}
	}

	out, err := esp.OpenFile("EFI/BOOT/"+p.loader, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return fmt.Errorf("install UEFI loader: %w", err)
	}
	if _, err := out.Write(loader); err != nil {
		return fmt.Errorf("install UEFI loader: %w", err)
	}

	return errors.Join(out.Close(), esp.Close())
}

// Where GRUB's first two stages keep the addresses that they load from.
// https://www.gnu.org/software/grub/manual/grub/html_node/Images.html
const (
	bootKernelSector = 0x5c  // boot.img: 8 bytes, the sector of core.img
	bootDriveCheck   = 0x66  // boot.img: 2 bytes, a jump that trusts the BIOS's drive number if overwritten by no-ops
	coreBlockList    = 0x1f4 // core.img: 8 bytes first sector, 2 bytes count, 2 bytes segment of the rest
	coreSegment      = 0x820
)

// installBIOS writes GRUB's boot.img into the first sector and its core.img into the BIOS boot partition.
func installBIOS(path, boot string) (err error) {
	first, err := os.ReadFile(filepath.Join(boot, "boot.img"))
	if err != nil {
		return fmt.Errorf("install BIOS loader: %w", err)
	}
	core, err := os.ReadFile(filepath.Join(boot, "core.img"))
	if err != nil {
		return fmt.Errorf("install BIOS loader: %w", err)
	}
	if len(first) != 512 || len(core) < 1024 || len(core) > espStart-biosStart {
		return fmt.Errorf("install BIOS loader: GRUB's images have unexpected sizes: %d and %d bytes", len(first), len(core))
	}

	le := binary.LittleEndian
	le.PutUint64(first[bootKernelSector:], biosStart/512)
	copy(first[bootDriveCheck:], []byte{0x90, 0x90})
	le.PutUint64(core[coreBlockList:], biosStart/512+1)
	le.PutUint16(core[coreBlockList+8:], uint16((len(core)+511)/512-1))
	le.PutUint16(core[coreBlockList+10:], coreSegment)

	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("install BIOS loader: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	if _, err := f.WriteAt(first[:440], 0); err != nil {
		return fmt.Errorf("install BIOS loader: %w", err)
	}
	if _, err := f.WriteAt(core, biosStart); err != nil {
		return fmt.Errorf("install BIOS loader: %w", err)
	}

	return nil
}
