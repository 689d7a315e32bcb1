# Everything runs in .venv, which scripts/setup.sh makes, with the system packages it needs.
.PHONY: run test test-full check setup clean

run: setup
	@bash scripts/first-run.sh

test: setup check
	.venv/bin/pytest -n 2 --dist loadgroup -m "not full"

test-full: setup check
	.venv/bin/pytest -n 2 --dist loadgroup

check:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	cd .venv/tree && MYPYPATH=. ../bin/mypy --config-file ../../pyproject.toml -p armlet

setup:
	@bash scripts/setup.sh

clean:
	rm -rf .venv out
