# Everything here works with Go, git and make, and without root. The race
# detector needs a C compiler too; test says whether it ran.

GO      ?= go
TIMEOUT ?= 10m
# How much each fuzz target runs. A count rather than a time, so that a run ends
# by itself and not by a deadline in the middle of an input.
FUZZTIME ?= 20000x
# More flags for go test, such as -v or -run.
TESTFLAGS ?=

COVER_MIN     := 85
COVER_PROFILE := .cover.out
COVER_FLAGS   := -covermode=atomic -coverpkg=./... -coverprofile=$(COVER_PROFILE)

GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

# go run TOOL@VERSION asks the proxy for the newest version of a tool even when it
# has the one it needs. Asked first, the module cache lets it work offline.
TOOL = GOPROXY="file://$$($(GO) env GOMODCACHE)/cache/download,$$($(GO) env GOPROXY)" $(GO) run

# Benchmarks and tests with other authors' servers and programs are modules of their own, so
# that what tokend is compared and tested with is no dependency of tokend.
MODULES := . tests/bench tests/servers tests/e2e
CROSS   := darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# each runs a command in every module.
each = set -e; for module in $(MODULES); do (cd $$module && $(1)); done

# silent fails if a command fails, or prints anything but errors.
silent = output=$$($(1)) && test -z "$$output" || { echo "$$output"; exit 1; }

# RACE is -race where that builds and runs, else nothing.
RACE = $(shell dir=$$(mktemp -d) && printf 'package main\n\nfunc main() {}\n' >$$dir/main.go && \
	$(GO) run -race $$dir/main.go >/dev/null 2>&1 && echo -race; rm -rf "$$dir")

.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ## Run a node with a demo identity provider, to play with
	$(GO) run ./cmd/tokend dev

.PHONY: build
build: ## Build bin/tokend, static and reproducible
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/tokend

.PHONY: test
test: ## Run all tests, with the race detector where a C compiler is found
	@race="$(RACE)"; \
	if [ -n "$$race" ]; then echo "testing with the race detector"; \
	else echo "testing WITHOUT the race detector: it needs a C compiler and CGO_ENABLED=1"; fi; \
	set -ex; $(GO) test $$race -timeout $(TIMEOUT) $(TESTFLAGS) ./...; \
	for module in tests/bench tests/servers; do (cd $$module; $(GO) test $$race -timeout $(TIMEOUT) ./...); done

# SERVERS runs the tests that say what servers of other authors accept and refuse.
# Without a package, go test prints what they print.
SERVERS = cd tests/servers && $(GO) test -count=1 -timeout $(TIMEOUT) -run

.PHONY: servers
servers: ## Print what servers of other authors accept and refuse
	$(SERVERS) '^(TestServersAcceptAndRefuse|TestEveryRow.*)$$'

.PHONY: servers-node
servers-node: ## The same of oidc-provider, which npm installs, and Node with it
	@if node=$$(tests/servers/oidcprovider/install); then \
		export TOKEND_NODE="$$node"; set -x; $(SERVERS) '^TestOIDCProvider'; \
	else \
		echo "SKIPPED: oidc-provider cannot be installed here, so nothing is known of it: see above"; \
	fi

.PHONY: e2e
e2e: ## Have Prometheus, nginx, curl, git, skopeo and others use a node; as root, install them
	tests/e2e/run

.PHONY: race
race: ## Run all tests with the race detector, or fail
	@set -ex; $(call each,$(GO) test -race -timeout $(TIMEOUT) ./...)

.PHONY: cover
cover: cover-test cover-check ## Run all tests and fail if they cover too little of all packages

.PHONY: cover-test
cover-test:
	$(GO) test -timeout $(TIMEOUT) $(COVER_FLAGS) ./...

# For a run of the tests that has written the profile already.
.PHONY: cover-flags
cover-flags:
	@echo $(COVER_FLAGS)

.PHONY: cover-check
cover-check:
	@$(GO) tool cover -func=$(COVER_PROFILE) | awk -v min=$(COVER_MIN) ' \
		$$1 == "total:" { total = $$3 + 0 } \
		END { printf "%.1f %% of all statements are covered, at least %d %% must be\n", total, min; exit total < min }'

.PHONY: vet
vet: ## Run go vet
	@set -x; $(call each,$(GO) vet ./...)

.PHONY: lint
lint: vet ## Check format, go vet, staticcheck and that go fix has nothing to modernize
	@set -x; $(call silent,$(TOOL) $(GOFUMPT) -l .)
	@set -x; $(call each,$(TOOL) $(STATICCHECK) ./...)
	@set -x; $(call each,$(call silent,$(GO) fix -diff ./...))

.PHONY: fmt
fmt: ## Format all Go files
	$(TOOL) $(GOFUMPT) -l -w .

.PHONY: tidy-check
tidy-check: ## Check that go.mod and go.sum are tidy and the modules unchanged
	@set -x; $(call each,$(GO) mod tidy -diff)
	$(GO) mod verify

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME
	@list=$$($(GO) test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	echo "$$list" | awk '/^Fuzz/ { names[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package name; do \
		echo "fuzzing $$package $$name"; \
		$(GO) test -timeout $(TIMEOUT) -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done

.PHONY: kill
kill: ## Kill 500 nodes in a row and look at what they leave in the vault, and crash loops
	TOKEND_KILLS=300 TOKEND_LOGIN_KILLS=200 TOKEND_CRASH_LOOPS=1 $(GO) test -count=1 -timeout $(TIMEOUT) -v ./tests/kill

.PHONY: pauses
pauses: ## Stop nodes in the middle of a refresh, cut them off, and look for lost logins; as root, install what that needs
	tests/pauses/install
	TOKEND_PAUSES=50 $(GO) test -count=1 -timeout $(TIMEOUT) -v ./tests/pauses

.PHONY: bench
bench: ## Compare tokend with its peers, print the table and fail if a bound is broken
	cd tests/bench && $(GO) run .

.PHONY: bench-http
bench-http: ## Compare the HTTP door with a bare handler
	cd tests/bench && $(GO) run . -only http

.PHONY: bench-doors
bench-doors: ## Have wrk and h2load compare a node with a bare server; as root, install them
	tests/bench/install
	cd tests/bench && $(GO) run . -only doors

.PHONY: bench-once
bench-once: ## Run one pass of every benchmark, so that none rots
	@set -x; $(call each,$(GO) test -timeout $(TIMEOUT) -run '^$$' -bench . -benchtime 1x ./...)

.PHONY: vuln
vuln: ## Look for known vulnerabilities; needs the network
	@set -x; $(call each,$(TOOL) $(GOVULNCHECK) ./...)

.PHONY: cross
cross: ## Build all packages for the other platforms
	@set -e; for platform in $(CROSS); do \
		echo "building for $$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) build ./...; \
	done

.PHONY: check
check: fmt lint race tidy-check ## Everything to do before a commit; works offline once the modules are here

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin $(COVER_PROFILE)
