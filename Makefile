# What people type; `make` alone lists it. `make demo` is where to start.
#
# ARGS goes to the program that a target runs: make demo ARGS=--headless, make test ARGS='--filter MeshPolicy'.
# ONLY names the test targets to compile and run, commas between: make test ONLY=MeshPolicyTests,MeshXDSTests
# For make soak it names parts: make soak ONLY=kills-sqlite,kills-database
# BUILD_FLAGS goes to `swift build` for debugging; .ci/run leaves out what only debuggers read.

ARGS ?=
ONLY ?=
BUILD_FLAGS ?=
export ONLY_TESTS := $(ONLY)
BUILD := .build/debug
SOURCES = Package.swift $(filter-out Sources/EnvoyAPI Sources/CSpawn Sources/CProcess Sources/CZlib Sources/CLibPQ,$(wildcard Sources/*)) \
  $(wildcard Tests/* Benchmarks/Package.swift Benchmarks/Sources Fuzz/Sources/kuma-fuzz)

.DEFAULT_GOAL := help
.PHONY: help demo test kubernetes network build build-tests release packages check-packages man images check-images check-release check check-structure docs conformance fuzz soak fmt fmt-check bench golden proto clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Only the demo writes to standard output. It is the last command and replaces its shell, so that Ctrl-C reaches it once.
demo: ## everything, running: control plane, collector, four services behind real Envoys; Ctrl-C ends it
	@Scripts/setup demo
	@$(if $(findstring --kubernetes,$(ARGS)),Scripts/kubernetes-apiserver build >/dev/null)
	@$(MAKE) --no-print-directory build >&2
	@exec $(BUILD)/kuma-demo $(ARGS)

# Who runs a part of the tests does not wait for the API server, unless it is the part on Kubernetes.
NEEDS_KUBERNETES = $(or $(findstring Kubernetes,$(ONLY)$(ARGS)),$(if $(ONLY)$(ARGS),,all))
# Those on Kubernetes run by themselves, and so do those of running systems: API servers, and the many tests that compute, would keep
# the processors from Envoys and collectors that have deadlines of their own.
ON_KUBERNETES := ^[A-Za-z]*Kubernetes[A-Za-z]*Tests\.
OF_SYSTEMS := ^IntegrationTests\.

test: ## every test, with real Envoys, real databases, a real browser and a real Kubernetes API server
	@Scripts/setup test
	@$(MAKE) --no-print-directory build-tests
	@$(if $(NEEDS_KUBERNETES),$(MAKE) --no-print-directory kubernetes network)
	$(if $(ONLY)$(ARGS),,swift test --skip-build --filter '$(ON_KUBERNETES)')
	$(if $(ONLY)$(ARGS),,swift test --skip-build --filter '$(OF_SYSTEMS)')
	swift test --skip-build $(if $(ONLY)$(ARGS),$(ARGS),--skip '$(ON_KUBERNETES)' --skip '$(OF_SYSTEMS)')

kubernetes: ## wait for the Kubernetes API server of the tests, which is built in the background, or build it
	@Scripts/kubernetes-apiserver build >/dev/null || { \
	  printf '\n*** NO KUBERNETES API SERVER: see above. THE TESTS ON KUBERNETES DO NOT RUN. ***\n\n' >&2; \
	  [ "$$KUMA_TRACE_REQUIRE_KUBERNETES" != 1 ]; }

network: ## say whether this machine allows the network namespaces in which the tests run pods
	@unshare --net iptables -t nat -S >/dev/null 2>&1 || { \
	  printf '\n*** NO NETWORK NAMESPACES: they need the rights of root, and iptables. THE TESTS THAT RUN PODS DO NOT RUN. ***\n\n' >&2; \
	  [ "$$KUMA_TRACE_REQUIRE_NETWORK" != 1 ]; }

# BUILT=1 says that they are there, as RELEASED=1 does below.
build: ## the four programs, for debugging, in .build/debug
ifneq ($(BUILT),1)
	@[ -x $(BUILD)/kuma-demo ] || echo "build: compiling everything; the first time takes 10 to 15 minutes on two cores"
	@swift build $(BUILD_FLAGS)
endif

build-tests: ## the same, and the tests, in one build
ifneq ($(BUILT),1)
	@[ -d $(BUILD) ] || echo "build: compiling everything; the first time takes 15 to 20 minutes on two cores"
	swift build --build-tests $(BUILD_FLAGS)
endif

# RELEASED=1 says that they are there: to find that nothing is left to compile takes most of a minute.
# One build, so that no core waits for the end of one program before the next; PROGRAMS_ALONE leaves out what serves tests. Debug
# information is left out too: backtraces have the names of functions, without files and lines. Nothing names the folder of the build, so
# that the same sources give the same programs (Scripts/package) in every folder with a path of that length (docs/releasing.md).
release: ## the four programs, optimised and needing no Swift where they run, in .build/release
ifneq ($(RELEASED),1)
	@Scripts/setup demo
	@[ -x .build/release/kuma-demo ] || echo "release: compiling everything; the first time takes 15 to 25 minutes on two cores"
	PROGRAMS_ALONE=1 swift build -c release --static-swift-stdlib -debug-info-format none \
	  -Xcc '-ffile-prefix-map=$(CURDIR)/=' -Xcxx '-ffile-prefix-map=$(CURDIR)/='
endif

man: release ## the manual pages of the four programs, checked, in .build/man, and their completion, in .build/completions
	@Scripts/man-pages
	@Scripts/check-man-pages
	@Scripts/completions

images: release ## what the images of the cluster are built from, in .build/images
	@Scripts/stage-images

packages: release ## what is installed: packages for Debian and RPM, a tarball, lists of what is in them, in .build/packages
	@Scripts/setup packages
	@Scripts/package

check-packages: ## install what `make packages` has made into a Debian without Swift; start, upgrade and purge it there
	@Scripts/setup packages
	Scripts/check-packages

check-images: release ## build the images of the cluster with buildah, without a registry, and start each program; takes minutes
	@Scripts/setup packages
	@Scripts/check-images

check-release: ## start each of the four programs that `make release` has built
	@Scripts/setup demo
	Scripts/check-release

check: fmt-check check-structure ## format, walls between targets and folders, sizes, protos against the official ones

check-structure:
	@Scripts/setup test
	Scripts/test-checks.py
	Scripts/check-arrows.py
	Scripts/check-sizes.py
	Scripts/check-dials.py
	.venv/bin/python Scripts/check-protos.py

docs: ## the documents as a site, in .build/site; a link that leads nowhere fails
	@Scripts/setup docs
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet
	@echo "docs: open .build/site/index.html"

conformance: ## replay answers recorded from Kuma; CONFORMANCE=FOLDER names other recordings
	@Scripts/setup test
	@$(MAKE) --no-print-directory build >&2
	@BUILD=$(BUILD) Scripts/conformance

fuzz: ## ten minutes of random input for everything that reads input; ARGS='--seconds-per-target 20' for as long as .ci/run takes
	@Scripts/setup demo
	Scripts/fuzz $(or $(ARGS),--minutes 10)

soak: ## hours: random changes for a thousand proxies, hundreds of kills; ONLY names parts, which `Scripts/soak --list` lists
	@Scripts/setup test
	ONLY_TESTS= ONLY='$(ONLY)' Scripts/soak $(ARGS)

fmt: ## format the sources in place
	swift format format --in-place --parallel --recursive $(SOURCES)

fmt-check:
	swift format lint --strict --parallel --recursive $(SOURCES)

bench: ## the benchmarks, each a ratio against a baseline taken in the same run
	@Scripts/setup test
	Benchmarks/run $(ARGS)

golden: ## write the golden files of the tests anew; look at the difference before you commit it
	GOLDEN_REWRITE=1 swift test $(ARGS)
	@git diff --stat

proto: ## generate Sources/EnvoyAPI from Protos
	Scripts/generate-protos

clean: ## remove what was built
	rm -rf .build
