# What there is to do here. `make demo` is where to start.
#
#   make demo                    builds, gets an Envoy, and shows a trace; goes on until Ctrl-C
#   make demo ARGS=--headless    the same without a person: ends by itself with a summary in JSON on standard output
#   make build                   builds all programs

.PHONY: demo build
.DEFAULT_GOAL := build

# Only the demo writes to standard output. It is the last command and replaces its shell, so that Ctrl-C reaches it once.
demo:
	@Scripts/setup demo
	@$(MAKE) --no-print-directory build >&2
	@exec .build/debug/kuma-demo $(ARGS)

build:
	@[ -x .build/debug/kuma-demo ] || echo "build: compiling everything; the first time takes 5 to 10 minutes"
	@swift build
