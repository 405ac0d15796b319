// Package secret holds the secrets of a bake in memory, masks them in text, and proves that a disk holds none.
//
// # Threat
//
// A script gets secrets under /tmp/secrets and runs as root. It may, by accident, copy one into a file, write it into a
// log or a git remote, let a tool cache it, or write it and delete it again: a deleted file is gone from the listing,
// but its blocks stay on the disk and travel with the image to whoever may boot it. So the proof looks at the disk's
// bytes, free space and metadata included, never at its files.
//
// # What is looked for
//
// Of every secret: the whole value, each of its lines, and each value in it (KEY=value, "key": "value", the strings of a
// JSON document); everything of at least MinLength bytes. Of each: the bytes as they are; base64 in both alphabets, at
// all three alignments (so `user:token` encoded gives the token away) and, from lines of 37
// bytes or more, wrapped at 48 columns or more; hex in either case; percent-encoding as browsers, RFC 3986 and forms write it.
// Not looked for, because it tells nothing: PEM boundary lines, the first line that every unencrypted OpenSSH key
// shares, and lines that repeat one character.
//
// # What it cannot see
//
// A secret that was compressed, encrypted, split, hashed or written in another encoding (UTF-16, quoted-printable, hex
// with separators); a secret shorter than MinLength; a part of a line, such as the password alone from a netrc line; a
// line that a filesystem laid across two blocks which do not follow each other. The last takes a line that straddles a
// block border of a fragmented file: one line of a key may, all lines of it do not. Masking has the same eyes.
//
// # How
//
// Every occurrence of a 12-byte string holds exactly one 5-byte piece that starts at a multiple of 8. So the search
// reads one word in eight bytes, asks a bitmap that fits the L2 cache whether some pattern holds these five bytes, and
// compares in full only if so. It costs less than reading the disk does, and the number of patterns hardly matters.
// Holes are passed over, and so may be blocks that a clone shares with its base: what they hold, the base held already,
// and that is no leak of the bake.
//
// The package never writes a value anywhere but into its own memory file system (MountMemory), never prints one and
// never puts one into an error: hits and errors carry names and offsets.
package secret
