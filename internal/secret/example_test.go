package secret_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"image-builder/internal/secret"
)

// A script cloned a repository with a token in its URL. The file is deleted, but its bytes are still on the disk.
func Example() {
	secrets := secret.NewSet([]secret.Secret{
		{Name: "github.env", Value: []byte("GITHUB_TOKEN=\"q7Rk2ZpX93bLmW4tYc81\" # rotated monthly\n")},
	})

	fmt.Println(secrets.Mask("+ git clone https://ci:q7Rk2ZpX93bLmW4tYc81@github.com/acme/app"))

	disk, err := exampleDisk("deleted file: url = https://ci:q7Rk2ZpX93bLmW4tYc81@github.com/acme/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer disk.Close()

	found, err := secrets.Search().Disk(context.Background(), disk)
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, hit := range found.Hits {
		fmt.Printf("%s, %s: %d bytes at byte %d\n", hit.Secret, hit.Form, hit.Length, hit.Offset)
	}

	// Output:
	// + git clone https://ci:***@github.com/acme/app
	// github.env, plain: 20 bytes at byte 4127
}

// exampleDisk makes a disk with a hole of 4 KiB followed by a text.
func exampleDisk(text string) (*os.File, error) {
	dir, err := os.MkdirTemp("", "secret-example")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // an open file stays readable

	disk, err := os.Create(filepath.Join(dir, "disk.raw"))
	if err != nil {
		return nil, err
	}
	_, err = disk.WriteAt([]byte(text), 4096)

	return disk, err
}
