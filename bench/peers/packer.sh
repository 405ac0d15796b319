#!/bin/sh
# Packer's qemu builder: boots the disk with UEFI, cloud-init lets Packer's key in (and installs sshd, which the base
# lacks), the script is uploaded and run over SSH. Seen from the machine, the host's loopback is 10.0.2.2.
set -eu
[ "$1" = run ] || exit 0
cd "$WORK"
rm -rf key key.pub secrets out "$OUT"
cp -r "$SECRETS" secrets
sed 's/127\.0\.0\.1/10.0.2.2/' "$SCRIPT" >script
ssh-keygen -q -t ed25519 -N '' -f key
printf 'instance-id: bench\nlocal-hostname: bench\n' >meta-data
printf '#cloud-config\ndisable_root: false\npackages: [openssh-server]\nusers: [{name: root, ssh_authorized_keys: ["%s"]}]\n' \
	"$(cat key.pub)" >user-data
accelerator=tcg
[ ! -w /dev/kvm ] || accelerator=kvm
cat >template.json <<END
{"builders": [{
  "type": "qemu", "iso_url": "$BASE", "iso_checksum": "none", "disk_image": true, "skip_resize_disk": true,
  "format": "raw", "accelerator": "$accelerator", "headless": true, "cpus": $(nproc), "memory": 1024,
  "net_device": "virtio-net-pci", "disk_interface": "virtio",
  "qemuargs": [["-bios", "/usr/share/ovmf/OVMF.fd"], ["-cpu", "max"], ["-display", "none"]],
  "cd_files": ["$WORK/user-data", "$WORK/meta-data"], "cd_label": "cidata",
  "communicator": "ssh", "ssh_username": "root", "ssh_private_key_file": "$WORK/key", "ssh_timeout": "15m",
  "shutdown_command": "poweroff", "output_directory": "$WORK/out", "vm_name": "disk.raw"}],
 "provisioners": [
  {"type": "shell", "inline": ["mkdir -m 700 -p /tmp/secrets"]},
  {"type": "file", "source": "$WORK/secrets/", "destination": "/tmp/secrets"},
  {"type": "shell", "script": "$WORK/script"},
  {"type": "shell", "inline": ["rm -rf /tmp/secrets", "cloud-init clean --logs"]}]}
END
PACKER_CACHE_DIR="$WORK/cache" CHECKPOINT_DISABLE=1 packer build -color=false template.json
mv out/disk.raw "$OUT"
