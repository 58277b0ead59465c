PYTHON ?= python

.PHONY: dev check lint types test

dev:             # everything a developer needs
	$(PYTHON) -m pip install -q -e '.[dev,plot]'

check: lint types test

lint:            # style, unused names, layout
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

# mypy follows packages by folder: .typing/irad shows it the mapped ones as the package they are installed as.
types:
	@rm -rf .typing && mkdir -p .typing/irad
	@ln -s $(CURDIR)/irad/* .typing/irad/
	@for d in frontend backends grammar; do ln -s $(CURDIR)/$$d .typing/irad/$$d; done
	@$(PYTHON) -m mypy -p irad

test:
	$(PYTHON) -m pytest
