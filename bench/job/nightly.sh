#!/bin/bash
# The nightly job: writes a page of random bytes to 3 % of the blocks of the files in /srv, far from one another.
set -eu
for ((i = 0; i < @COUNT@; i++)); do
  block=$((i * @EACH@))
  dd if=/dev/urandom of=/srv/$((block / @BLOCKS@)) bs=4096 count=1 seek=$((block % @BLOCKS@ * 128 + 64)) conv=notrunc status=none
done
