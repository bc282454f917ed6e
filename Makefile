PYTHON := .venv/bin/python

help:  ## List what can be done.
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/.run  ## Start the server on http://127.0.0.1:8000, data in ./data.
	.venv/bin/symdepot serve

check: lint types imports test  ## Everything that CI checks, in CI's order.

lint: .venv/.dev  ## Style.
	.venv/bin/ruff format --check
	.venv/bin/ruff check

types: .venv/.dev  ## Types.
	.venv/bin/mypy src tests bench

imports: .venv/.dev  ## Who may import whom.
	.venv/bin/lint-imports

test: .venv/.dev  ## Tests; ARGS="tests/uploads" runs those of one package.
	tests/run $(ARGS)

test-quick: .venv/.dev  ## Tests on SQLite without servers; ARGS="..." are for pytest.
	tests/run --quick $(ARGS)

bench: .venv/.dev  ## Measure; takes minutes. ARGS="..." are for bench.
	$(PYTHON) -m bench $(ARGS)

changelog: .venv/.dev  ## Join the fragments of changes/ in CHANGELOG.md.
	.venv/bin/towncrier build --yes

lock:  ## Pin the dependencies anew (needs uv).
	scripts/lock

# Always asked, since it alone sees a .venv that was moved or broken; takes 20 ms.
.venv/.run .venv/.dev:
	@scripts/venv $(@:.venv/.%=%)

.PHONY: help run check lint types imports test bench changelog lock .venv/.run .venv/.dev
