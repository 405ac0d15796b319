package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

func preflightVerbs() map[string]verb {
	return map[string]verb{
		// ami ID [KEY=VALUE…]: the AMI exists; keys are name, owner, arch, root, size (GiB), state, age (days)
		"ami": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 8)
			cloud.EC2.AddAMI(amiOf(ts, args[0], pairs(ts, args[1:])))
		},
		// ssm NAME VALUE [TYPE [DATATYPE]]: sets a parameter
		"ssm": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 4)
			args = append(args, "", "")
			cloud.SSM.Remove(args[0])
			cloud.SSM.Put(ssm.Parameter{Name: args[0], Value: args[1], Type: args[2], DataType: args[3]})
		},
		// no-ssm NAME: the parameter does not exist
		"no-ssm": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			cloud.SSM.Remove(args[0])
		},
		// ssm-is NAME VALUE [DATATYPE]: a parameter has this value
		"ssm-is": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 3)
			p, _ := cloud.SSM.Parameter(args[0])
			if p.Value != args[1] || (len(args) == 3 && p.DataType != args[2]) {
				ts.Fatalf("%s holds %q (%s), not %q", args[0], p.Value, p.DataType, args[1:])
			}
		},
		// subnet ID TARGET [public]: the subnet exists, and its default route leads there; local: it has none
		"subnet": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 3)
			vpc := strings.Replace(args[0], "subnet-", "vpc-", 1)
			routes := []ec2.Route{{Destination: "10.0.0.0/24", Target: "local"}}
			if target, gone := strings.CutSuffix(args[1], "!"); target != "local" {
				routes = append(routes, ec2.Route{Destination: "0.0.0.0/0", Target: target, Blackhole: gone})
			}
			cloud.EC2.AddSubnet(ec2.Subnet{ID: args[0], VPC: vpc, Public: len(args) == 3})
			cloud.EC2.AddRouteTable(ec2.RouteTable{ID: strings.Replace(args[0], "subnet-", "rtb-", 1), VPC: vpc, Main: true, Routes: routes})
		},
		// endpoints SUBNET SERVICE…: the VPC of a subnet reaches these services
		"endpoints": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 10)
			vpc := strings.Replace(args[0], "subnet-", "vpc-", 1)

			table := strings.Replace(args[0], "subnet-", "rtb-", 1)
			for _, service := range args[1:] {
				e := ec2.Endpoint{VPC: vpc, Service: "com.amazonaws." + wire.Region + "." + service}
				if service == "s3" {
					e.Type = "Gateway"
					e.Tables = []string{table}
				}
				cloud.EC2.AddEndpoint(e)
			}
		},
		// docker-image GIB: a registry has an image whose only layer has this size, compressed; it is $IMAGE, and it has no $MISSING
		"docker-image": func(ts *testscript.TestScript, _ *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			server := httptest.NewServer(manifestOf(args[0]))
			ts.Defer(server.Close)
			ts.Setenv("IMAGE", strings.TrimPrefix(server.URL, "http://")+"/acme/tool:1.0")
			ts.Setenv("MISSING", strings.TrimPrefix(server.URL, "http://")+"/acme/missing:1.0")
		},
		// serve FILE: the file is at $URL, over HTTP
		"serve": func(ts *testscript.TestScript, _ *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			body, err := os.ReadFile(ts.MkAbs(args[0]))
			ts.Check(err)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.ServeContent(w, r, args[0], time.Time{}, bytes.NewReader(body))
			}))
			ts.Defer(server.Close)
			ts.Setenv("URL", server.URL+"/"+args[0])
		},
	}
}

// pairs reads KEY=VALUE.
func pairs(ts *testscript.TestScript, args []string) map[string]string {
	values := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("%s: write KEY=VALUE", arg)
		}
		values[key] = value
	}
	return values
}

func amiOf(ts *testscript.TestScript, id string, values map[string]string) ec2.AMI {
	ami := ec2.AMI{ID: id}
	for key, value := range values {
		switch key {
		case "name":
			ami.Name = value
		case "owner":
			ami.Owner = value
			ami.Public = true

		case "arch":
			ami.Architecture = value
		case "root":
			ami.RootDevice = value
		case "state":
			ami.State = value

		case "size":
			ami.RootSize = int64(number(ts, value))
		case "age":
			ami.Created = time.Now().AddDate(0, 0, -number(ts, value))
		default:
			ts.Fatalf("an AMI has no %s", key)
		}
	}

	return ami
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

// manifestOf answers as a registry whose images have one layer, of so many GiB.
func manifestOf(gib string) http.HandlerFunc {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	const kind = "application/vnd.oci.image."
	return func(out http.ResponseWriter, in *http.Request) {
		if !strings.Contains(in.URL.Path, "/acme/tool/manifests/") && in.URL.Path != "/v2/" {
			http.NotFound(out, in)
			return
		}
		size, _ := strconv.Atoi(gib)
		out.Header().Set("Content-Type", kind+"manifest.v1+json")
		fmt.Fprintf(out, `{"schemaVersion": 2, "mediaType": "%[1]smanifest.v1+json", "config": {"mediaType": "%[1]sconfig.v1+json", "digest": "%[2]s", "size": 2},
			"layers": [{"mediaType": "%[1]slayer.v1.tar+gzip", "digest": "%[2]s", "size": %[3]d}]}`, kind, digest, size<<30)
	}
}
