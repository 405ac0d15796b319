// Package instance answers what a program on an EC2 instance asks of its surroundings: the metadata service, and the few
// calls of AWS that a boot script makes.
//
// The answers are those of an instance that does not exist, for machines that stand in for one. The package opens no
// port and changes no address: its callers serve the handlers where a program looks for them.
package instance

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MetadataAddress is where programs look for the metadata service.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
const MetadataAddress = "169.254.169.254"

// longestToken is how long a session's token may be good for.
const longestToken = 6 * time.Hour

// The headers of version 2 of the service, with sessions.
const (
	headerToken = "X-Aws-Ec2-Metadata-Token"
	headerLife  = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
)

// Metadata is the metadata service, as an instance that requires tokens has it. It is an http.Handler.
type Metadata struct {
	values map[string]string // by path
	now    func() time.Time
	lock   sync.Mutex
	tokens map[string]time.Time // until when
}

// NewMetadata returns the service for an instance of an architecture, as EC2 names it: x86_64 or arm64.
func NewMetadata(arch string, now func() time.Time) *Metadata {
	kind := "t3.large"
	if arch == "arm64" {
		kind = "t4g.large"
	}

	const (
		id     = "i-0123456789abcdef0"
		ami    = "ami-0123456789abcdef0"
		region = "us-east-1"
		zone   = region + "a"
		addr   = "10.0.0.10"
		host   = "ip-10-0-0-10.ec2.internal"
	)
	identity, _ := json.Marshal(map[string]string{ // texts always become JSON
		"accountId": "123456789012", "architecture": arch, "availabilityZone": zone, "imageId": ami, "instanceId": id,
		"instanceType": kind, "privateIp": addr, "region": region, "version": "2017-09-30",
	})

	return &Metadata{now: now, tokens: map[string]time.Time{}, values: map[string]string{
		"meta-data/ami-id": ami, "meta-data/instance-id": id, "meta-data/instance-type": kind,
		"meta-data/instance-life-cycle": "on-demand", "meta-data/hostname": host, "meta-data/local-hostname": host,
		"meta-data/local-ipv4": addr, "meta-data/placement/availability-zone": zone, "meta-data/placement/region": region,
		"dynamic/instance-identity/document": string(identity),
	}}
}

// ServeHTTP answers one request.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, found := strings.CutPrefix(r.URL.Path, "/latest/")
	switch {
	case r.Method == http.MethodPut && path == "api/token":
		m.token(w, r)
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !m.knows(r.Header.Get(headerToken)):
		w.WriteHeader(http.StatusUnauthorized)
	case !found:
		w.WriteHeader(http.StatusNotFound)
	default:
		m.value(w, path)
	}
}

// token opens a session.
func (m *Metadata) token(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(r.Header.Get(headerLife))
	if err != nil || seconds < 1 || seconds > int(longestToken.Seconds()) || r.Header.Get("X-Forwarded-For") != "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	token := rand.Text()

	m.lock.Lock()
	m.tokens[token] = m.now().Add(time.Duration(seconds) * time.Second)
	m.lock.Unlock()

	w.Header().Set(headerLife, strconv.Itoa(seconds))
	fmt.Fprint(w, token)
}

func (m *Metadata) knows(token string) bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	until, found := m.tokens[token]
	return found && m.now().Before(until)
}

// value answers with a value, or with the names in a directory.
func (m *Metadata) value(w http.ResponseWriter, path string) {
	if value, found := m.values[path]; found {
		fmt.Fprint(w, value)
		return
	}

	var names []string
	for known := range m.values {
		below, found := strings.CutPrefix(known, strings.TrimSuffix(path, "/")+"/")
		if !found {
			continue
		}
		name, _, deeper := strings.Cut(below, "/")
		if deeper {
			name += "/"
		}
		names = append(names, name)
	}

	if len(names) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	slices.Sort(names)
	fmt.Fprint(w, strings.Join(slices.Compact(names), "\n"))
}
