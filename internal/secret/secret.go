package secret

import (
	"iter"
	"sync"
)

// MinLength is the shortest string that is looked for, in bytes: shorter strings occur by chance.
const MinLength = 12

// Secret is one named secret.
type Secret struct {
	// Name is its path below the secrets directory, with slashes.
	Name  string
	Value []byte
}

// Set is the secrets of a bake. It is immutable and safe for concurrent use.
type Set struct {
	secrets []Secret
	search  func() *Search // waits until it is prepared
}

// NewSet returns the set of the given secrets. It keeps the values, not copies of them. The search is prepared meanwhile,
// which takes milliseconds: the first that needs it waits.
func NewSet(secrets []Secret) *Set {
	made := make(chan *Search, 1)
	go func() { made <- newSearch(patternsOf(secrets)) }()
	return &Set{secrets: secrets, search: sync.OnceValue(func() *Search { return <-made })}
}

// Len is the number of secrets.
func (s *Set) Len() int { return len(s.secrets) }

// Each yields the secrets in the order they were given.
func (s *Set) Each() iter.Seq[Secret] {
	return func(yield func(Secret) bool) {
		for _, one := range s.secrets {
			if !yield(one) {
				return
			}
		}
	}
}

// Search returns the search for every form of every value of the set.
func (s *Set) Search() *Search { return s.search() }
