# Everything runs in .venv, which scripts/setup.sh makes, with the system packages it needs.
.PHONY: run test test-full check peers setup oracles clean

run: setup
	@bash scripts/first-run.sh

test: setup oracles check
	.venv/bin/pytest -n 2 --dist loadgroup -m "not full"

test-full: setup oracles check
	.venv/bin/pytest -n 2 --dist loadgroup

check:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	cd .venv/tree && MYPYPATH=. ../bin/mypy --config-file ../../pyproject.toml -p armlet

# What docs/performance.md says of simulated cores and of this machine, and docs/models.md; the first time takes three hours or four.
peers: setup
	.venv/bin/python -m armlet.benchmarks.models
	.venv/bin/python -m armlet.benchmarks.claims
	.venv/bin/python -m armlet.benchmarks.defaults
	.venv/bin/python -m armlet.benchmarks.ranking
	.venv/bin/python -m armlet.benchmarks.schedules
	.venv/bin/python -m armlet.benchmarks.peers
	.venv/bin/python -m armlet.benchmarks.fusions
	.venv/bin/python -m armlet.benchmarks.growth
	.venv/bin/python -m armlet.benchmarks.fallbacks
	.venv/bin/python -m armlet.benchmarks.host

setup:
	@bash scripts/setup.sh

# The frameworks that tests of checkpoints compare with.
oracles:
	@bash scripts/oracles.sh

clean:
	rm -rf .venv .venv-oracles out
