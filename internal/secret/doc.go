// Package secret holds the secrets of a bake in memory, masks them in text, and proves that a disk holds none.
//
// # Threat
//
// A script gets secrets under /tmp/secrets and runs as root. It may, by accident, copy one into a file, write it into a
// log or a git remote, let a tool cache it, or write it and delete it again: a deleted file is gone from the listing,
// but its blocks stay on the disk and travel with the image to everyone who boots it. So the proof looks at the disk's
// bytes, free space and metadata included, never at its files.
//
// # What is looked for
//
// Of every secret: the whole, every value that has the name of a secret, every token that looks random, the lines that
// hold one of them, and the lines, bytes and secret numbers of private keys; everything of at least MinLength bytes. The
// text is read as it is and with its escapes, percent-encoding, character references and base64 undone. A program that
// knew every format of credentials would lose this race, so formats are not parsed: names and randomness decide.
//
// Of each of these: the bytes as they are; base64 in both alphabets, at all three alignments (so `user:token` encoded
// gives the token away) and, from lines of 37 bytes or more, wrapped at 48 columns or more; hex in either case;
// percent-encoding as browsers, RFC 3986 and forms write it.
//
// Not looked for: settings such as hosts, paths and single words, which packages bring along; certificates and public
// keys, which are handed out; and what tells nothing, such as PEM boundary lines.
//
// # What it cannot see
//
// docs/reference/secret-search.md has the whole rule and its limits. In short: a secret that was compressed, encrypted,
// split, hashed or written in another encoding; one shorter than MinLength; words under no name of a secret; a line that
// a filesystem laid across two blocks which do not follow each other. Masking has the same eyes.
//
// # How
//
// Every occurrence of a 12-byte string holds exactly one 5-byte piece that starts at a multiple of 8. So the search
// reads one word in eight bytes, asks a bitmap that fits the L2 cache whether some pattern holds these five bytes, and
// compares in full only if so. It costs less than reading the disk does, and the number of patterns hardly matters.
// Holes are passed over, and so may be blocks that a clone shares with its base: what they hold, the base held already,
// and that is not a leak of the bake.
//
// The package never writes a value anywhere except into its own memory file system (MountMemory), never prints one and
// never puts one into an error: hits and errors carry names and offsets.
package secret
