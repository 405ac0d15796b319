//go:build !linux

package local

// release has nothing to do where nothing of ours is ever mounted.
func release(string) ([]string, error) { return nil, nil }

func sweepDeleted(string) ([]string, error) { return nil, nil }
