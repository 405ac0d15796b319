"""Reads ahead what a boot of this image reads of its root partition, as image-builder saw it when it baked the image.

It reads and never writes. What is missing, or is not as it was, ends it quietly: a boot needs none of this.
Usage: python3 -IS ahead [DEVICE [LIST]]. Each line of LIST is a run, in bytes from the partition's start: OFFSET LENGTH.
"""

import _thread  # threading would load ten more files, from a disk that is slow
import mmap
import os
import sys

AT_ONCE = 16
MOST = 1 << 20  # bytes of a run: a block of 512 KiB, and pages beside it


def main(device=None, name="/usr/lib/image-builder/ahead.list"):
    with open(name, "rb") as file:
        lines = file.read().split(b"\n")
    disk = os.open(device or root(lines[0]), os.O_RDONLY | os.O_DIRECT)  # past the page cache: it takes no memory

    todo = iter([run for run in map(parse, lines) if run])  # each reader takes the next one
    readers = []
    for _ in range(AT_ONCE):
        done = _thread.allocate_lock()
        done.acquire()
        readers.append(done)
        _thread.start_new_thread(read, (disk, todo, done))
    for done in readers:
        done.acquire()


def root(head):
    """Returns the device that / is on, if its partition starts at the sector that the list names."""
    with open("/proc/self/mountinfo") as mounts:
        numbers = [mount.split()[2] for mount in mounts if mount.split()[4] == "/"]
    device = "/sys/dev/block/" + numbers[-1]

    start = "0"  # of a disk without partitions
    if os.path.exists(device + "/start"):
        with open(device + "/start") as file:
            start = file.read().strip()
    if head.decode() != "# start " + start:
        raise ValueError("the partition has moved")

    with open(device + "/uevent") as file:
        settings = dict(line.strip().split("=", 1) for line in file)
    return "/dev/" + settings["DEVNAME"]


def parse(line):
    """Returns offset and length; None if the line is not a run."""
    fields = line.split(b" ")
    if len(fields) != 2 or not all(field.isdigit() and len(field) < 19 for field in fields):
        return None
    offset, length = map(int, fields)
    return (offset, length) if length <= MOST else None


def read(disk, todo, done):
    try:
        room = memoryview(mmap.mmap(-1, MOST))  # at the start of a page, as direct reads need it
        for offset, length in todo:
            try:
                os.preadv(disk, [room[:length]], offset)
            except OSError:
                pass  # the next run may be there
    finally:
        done.release()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (LookupError, OSError, ValueError):
        pass
