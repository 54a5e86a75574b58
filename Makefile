# The commands of the project. Everything they need beside Go, make and git is
# built from pinned modules into .bin.

BIN        := $(CURDIR)/.bin
PROGRAM    := huaweicloud_meeting_exporter
PROMETHEUS := $(BIN)/prometheus $(BIN)/promtool
LINTER     := $(BIN)/golangci-lint
HELM       := $(BIN)/helm $(BIN)/actionlint
RELEASER   := $(BIN)/goreleaser $(BIN)/cyclonedx-gomod
SCANNER    := $(BIN)/govulncheck
VICTORIA   := $(BIN)/victoria-metrics
THANOS     := $(BIN)/thanos
MIMIR      := $(BIN)/mimir
# Systems other than Linux for which the program must build.
SYSTEMS    := $(foreach os,windows darwin freebsd,$(os)/amd64 $(os)/arm64)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Serve the metrics of a simulated enterprise on localhost:10047
	./$(PROGRAM) demo

.PHONY: build
build: ## Build the exporter
	CGO_ENABLED=0 go build -trimpath -o $(PROGRAM) .

.PHONY: test
test: build $(PROMETHEUS) ## Run all tests, with the race detector and a real Prometheus
	EXPORTER=$(CURDIR)/$(PROGRAM) PATH="$(BIN):$$PATH" SEEDS=8 go test -race ./...
# Without the race detector, which makes days of virtual time, and crashes after
# every byte, ten times longer. The settings are those of the builds, so that no
# package is compiled anew.
	PATH="$(BIN):$$PATH" SEEDS=100 CGO_ENABLED=0 go test -trimpath ./test/soak ./dashboards ./test/bench ./ledger ./poller
	cd tools/dashboards && go test -count=1 ./...

.PHONY: check-deploy
check-deploy: build $(SYSTEMS) $(HELM) $(VICTORIA) ## Check the chart, the systemd unit, the workflows, VictoriaMetrics and other systems
	cd tools/deploy && EXPORTER=$(CURDIR)/$(PROGRAM) PATH="$(BIN):$$PATH" go test -count=1 ./...
	$(BIN)/actionlint

.PHONY: check-page
check-page: build ## Look at the page for people in Debian's Chromium; with PICTURES=DIR, draw it
	cd tools/browser && EXPORTER=$(CURDIR)/$(PROGRAM) PICTURES=$(if $(PICTURES),$(abspath $(PICTURES))) go test -count=1 ./...

.PHONY: check-stores
check-stores: build $(PROMETHEUS) $(VICTORIA) $(THANOS) $(MIMIR) ## Backfill into VictoriaMetrics, Thanos and Mimir
	EXPORTER=$(CURDIR)/$(PROGRAM) PATH="$(BIN):$$PATH" STORES=1 go test -count=1 -v -run '^TestBackfillIntoStores$$' ./test/e2e

.PHONY: $(SYSTEMS)
$(SYSTEMS):
	CGO_ENABLED=0 GOOS=$(@D) GOARCH=$(@F) go build -o /dev/null .

.PHONY: soak
soak: ## Run SEEDS (10000) simulated enterprises against the rules
	SEEDS=$(or $(SEEDS),10000) go test -timeout 24h ./test/soak

.PHONY: load
load: build ## Scrape for LOAD (5m) while polls of 100,000 meetings go on, and look for what is left behind
	EXPORTER=$(CURDIR)/$(PROGRAM) LOAD=$(or $(LOAD),5m) go test -count=1 -v -timeout 24h -run '^TestLoad' ./test/e2e

.PHONY: bench
bench: ## Run the benchmarks, COUNT (6) times each, for benchstat
	go test -run '^$$' -bench . -benchmem -timeout 2h -count $(or $(COUNT),6) ./client ./ledger ./test/bench

.PHONY: fuzz
fuzz: ## Fuzz what parses foreign bytes, FUZZTIME (30s) each
	go test -run '^$$' -fuzz FuzzPage -fuzztime $(or $(FUZZTIME),30s) ./client
	go test -run '^$$' -fuzz FuzzLedger -fuzzminimizetime 1x -fuzztime $(or $(FUZZTIME),30s) ./ledger
	go test -run '^$$' -fuzz FuzzStorage -fuzztime $(or $(FUZZTIME),30s) ./ledger
	go test -run '^$$' -fuzz FuzzFlags -fuzztime $(or $(FUZZTIME),30s) .

.PHONY: dashboards
dashboards: ## Write the Chinese dashboards and alerts, after a change of the English ones or the dictionary
	go run ./dashboards/translate

.PHONY: lint
lint: $(LINTER) ## Run the linters
	$(LINTER) run ./...
	for module in browser dashboards deploy; do (cd tools/$$module && $(LINTER) run ./...) || exit; done

.PHONY: vulncheck
vulncheck: $(SCANNER) ## Look for known weaknesses in what is linked; needs the network
	$(SCANNER) ./...

.PHONY: fmt
fmt: $(LINTER) ## Format the code
	$(LINTER) fmt ./...

.PHONY: release-snapshot
release-snapshot: $(RELEASER) ## Make the archives and packages of a release in dist/
	PATH="$(BIN):$$PATH" goreleaser release --snapshot --clean

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN) $(PROGRAM) dist

# Tools live in modules of their own, so that the exporter's go.mod stays small.
# The service discoveries, which no test uses, would take half of the time.
$(PROMETHEUS) &: tools/prometheus/go.mod tools/prometheus/go.sum
	mkdir -p $(BIN)
	cd tools/prometheus && CGO_ENABLED=0 go build -trimpath -tags remove_all_sd -o $(BIN)/ github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool
	touch $(PROMETHEUS)

$(LINTER): tools/golangci-lint/go.mod tools/golangci-lint/go.sum
	mkdir -p $(BIN)
	cd tools/golangci-lint && go build -o $(BIN)/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	touch $(LINTER)

$(HELM) &: tools/deploy/go.mod tools/deploy/go.sum
	mkdir -p $(BIN)
	cd tools/deploy && go build -o $(BIN)/ helm.sh/helm/v3/cmd/helm github.com/rhysd/actionlint/cmd/actionlint
	touch $(HELM)

$(VICTORIA): tools/victoriametrics/go.mod tools/victoriametrics/go.sum
	mkdir -p $(BIN)
	cd tools/victoriametrics && CGO_ENABLED=0 go build -o $(BIN)/ github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics
	touch $(VICTORIA)

# The tags of Thanos and Mimir are those of their releases.
$(THANOS): tools/thanos/go.mod tools/thanos/go.sum
	mkdir -p $(BIN)
	cd tools/thanos && go build -tags netgo,slicelabels -o $(BIN)/ github.com/thanos-io/thanos/cmd/thanos
	touch $(THANOS)

$(MIMIR): tools/mimir/go.mod tools/mimir/go.sum
	mkdir -p $(BIN)
	cd tools/mimir && go build -tags netgo,stringlabels -o $(BIN)/ github.com/grafana/mimir/cmd/mimir
	touch $(MIMIR)

$(SCANNER): tools/govulncheck/go.mod tools/govulncheck/go.sum
	mkdir -p $(BIN)
	cd tools/govulncheck && go build -o $(BIN)/ golang.org/x/vuln/cmd/govulncheck
	touch $(SCANNER)

$(BIN)/goreleaser: tools/goreleaser/go.mod tools/goreleaser/go.sum
	mkdir -p $(BIN)
	cd tools/goreleaser && go build -o $(BIN)/ github.com/goreleaser/goreleaser/v2
	touch $@

$(BIN)/cyclonedx-gomod: tools/cyclonedx-gomod/go.mod tools/cyclonedx-gomod/go.sum
	mkdir -p $(BIN)
	cd tools/cyclonedx-gomod && go build -o $(BIN)/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	touch $@
