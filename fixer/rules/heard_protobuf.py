"""Rules about protobuf: code that was generated for one release of it, and a runtime of another, or half of one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import Heard, evidence, said
from fixer.rules.heard import candidates, named
from fixer.rules.import_names import EVERY_PROTOBUF_HAS, PROTOBUF, PROTOBUF_IN_PIECES

# How many lines a traceback has between an import that failed and the error.
_NEAR = 2


def protobuf_majors(case: Case) -> Iterator[Finding]:
    """Generated code and runtime of two major versions: the older of the two is behind."""
    for one in said(case, "protobuf-majors-differ", "protobuf-runtime-older"):
        gencode, running = (_value(one, name) for name in ("gencode", "runtime"))
        written, runtime = compare.release(gencode), compare.release(running)
        if one.row.id == "protobuf-runtime-older" and (not running or runtime[:1] <= written[:1]):
            continue
        cause = "protobuf-too-old" if written > runtime else "protobuf-too-new"
        yield named(cause, "likely", f"protobuf {running} runs code made by {gencode}", (one.evidence,), "said-protobuf-majors")


def protobuf_lacks_a_name(case: Case) -> Iterator[Finding]:
    """Before Python 3.7 the sentence does not say that it was protobuf which lacks the name: the line of code above it does."""
    whole = {(one.event.line, _value(one, "name")) for one in said(case, "cannot-import-name", "half-imported-name")}
    asked = said(case, "import-line-protobuf")
    for one in said(case, "cannot-import-name-old"):
        name, line = _value(one, "name"), one.event.line
        near = [row for row in asked if 0 < line - row.event.line <= _NEAR and name in re.findall(r"\w+", _value(row, "names"))]
        if not near or (line, name) in whole:
            continue
        seen, title = evidence((one, near[-1])), f"{PROTOBUF} has no {name}"
        if name in EVERY_PROTOBUF_HAS:
            yield from candidates("protobuf-in-pieces", PROTOBUF_IN_PIECES.causes, title, seen)
        else:
            yield named("protobuf-too-old", "likely", title, seen, "said-protobuf-name")
        return


def _value(one: Heard, name: str) -> str:
    return one.event.values.get(name, "").strip("\"'`‘’“” ")
