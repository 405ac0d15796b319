# Everything here does its own set-up: it installs missing Debian packages (by root or sudo) and says which.

export CGO_ENABLED := 0
# One set of flags for every target, so that nothing is compiled twice. The AWS SDK's packages are compiled without
# optimization: EC2's alone takes two minutes with it, and each call waits for the network anyway.
export GOFLAGS := -trimpath '-gcflags=github.com/aws/aws-sdk-go-v2/service/...=-N -l'
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo -E --preserve-env=PATH)
TOOL := go tool -modfile=tools/go.mod

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the static binary into build/
	go build -ldflags "-s -w -X image-builder/internal/cli.Version=$(VERSION)" -o build/image-builder ./cmd/image-builder

.PHONY: demo
demo: setup ## bake a private git repository into an image, show it, boot it
	go build -o build/demo ./demo
	$(SUDO) build/demo

.PHONY: demo-aws
demo-aws: setup build ## walk the AWS road against the test server on loopback: a stack, a build, an AMI pulled, baked and published
	go build -o build/demo-aws ./demo/aws
	$(SUDO) build/demo-aws

.PHONY: account
account: ## run the test server by itself, for awscli, coldsnap or anything else, until Ctrl-C
	@go run ./demo/account $(ARGS)

.PHONY: test
test: setup-tests ## run every test (as root: they use real disks and containers)
	go test -count=1 -timeout 60m -exec '$(SUDO)' ./...

# Packages with goroutines of their own whose tests need no root. Left out are tests that make hundreds of disks or kill
# programs: under the race detector they take ten times as long, and the same code runs in the others.
RACE := $(addprefix ./internal/,announce aws component deploy imagepipeline lint patience pipeline preflight publish release secret \
	snapshot stack terminal testbed testbed/gitserver)

.PHONY: race
race: setup ## run the tests of packages that need no root under Go's race detector
	CGO_ENABLED=1 go test -race -count=1 -timeout 20m -skip 'Random|Killed|Coldsnap' $(RACE)

.PHONY: lint
lint: ## run golangci-lint, check go.mod, build for macOS, and run govulncheck where its database can be reached
	go mod tidy -diff
	$(TOOL) golangci-lint run ./...
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/image-builder
	@scripts/vulnerabilities

.PHONY: bench
bench: setup build ## measure against the shell floor, grep, ripgrep, coldsnap and the other tools installed here
	go build -o build/bench ./bench
	go build -o build/account ./demo/account
	$(SUDO) build/bench

.PHONY: attack
attack: setup build ## try to break the promises (kill -9, hidden secrets, hostile disks) and count; takes minutes
	go build -o build/attack ./attack
	$(SUDO) build/attack

.PHONY: smoke-aws
smoke-aws: build ## deploy, build, hear and delete on a real AWS account that you name; costs money, CI never does it
	scripts/smoke-aws

.PHONY: setup setup-tests
setup:
	@scripts/setup

# A browser too, which is large, and of which only tests have need.
setup-tests:
	@scripts/setup tests

.PHONY: clean
clean: ## remove what make built
	rm -rf build
