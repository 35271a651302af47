"""Rules about tracebacks whose last line, which says what failed, is not shown: the frames tell in whose code it was.

The unit is a group of candidates. None speaks where another line names a failure: what is shown decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import heard, said
from fixer.rules.heard import candidates

# The heading of a notebook's traceback, which names the kind of error first.
HEADING = "notebook-no-module"
_OF_A_PLUGIN = {"plugin-built-for-other-tf": 68.0, "keras-tf-mismatch": 18.0, "environment-broken": 14.0}
_OF_AN_OLD_KERAS = {"keras-tf-mismatch": 66.0, "unresolved-other": 34.0}
_INSTALLED_ELSEWHERE = {"env-not-inherited": 58.0, "tensorflow-missing": 24.0, "environment-broken": 18.0}
_NOT_INSTALLED = {"tensorflow-missing": 58.0, "env-not-inherited": 32.0, "environment-broken": 10.0}


def _says_more(case: Case) -> bool:
    """Whether a line names a failure, whichever."""
    failed = (one for one in heard(case) if one.row.fails and one.row.id != HEADING)
    return any(failed) or bool(said(case, "unrelated-exception"))


def inside_a_plugin(case: Case) -> Iterator[Finding]:
    """The import of a package that brings operations of its own for TensorFlow stops."""
    seen = said(case, "plugin-imported")
    if seen and not _says_more(case):
        title = f"the import of tensorflow_{seen[0].event.values.get('plugin', '')} stops, and the line that says why is not shown"
        yield from candidates("inside-a-plugin", _OF_A_PLUGIN, title, (seen[0].evidence,))


def inside_keras_of_before(case: Case) -> Iterator[Finding]:
    """A Keras that has a file for each of several backends stops in TensorFlow's, and the TensorFlow is of a later time."""
    seen = said(case, "keras-of-backends")
    if seen and case.tensorflow is not None and compare.minor(case.tensorflow) >= (2, 0) and not _says_more(case):
        title = f"a Keras of several backends stops under TensorFlow {case.tensorflow}, and the line that says why is not shown"
        yield from candidates("inside-keras", _OF_AN_OLD_KERAS, title, (seen[-1].evidence, *case.tensorflow_evidence()))


def no_module_in_a_notebook(case: Case) -> Iterator[Finding]:
    """A notebook's import of TensorFlow ends in a module that is not there: TensorFlow itself, unless its own frames follow."""
    heading, arrow = said(case, HEADING), said(case, "notebook-imports")
    if heading and arrow and not _says_more(case) and not said(case, "tensorflow-runtime"):
        weights = _INSTALLED_ELSEWHERE if case.tensorflow is not None else _NOT_INSTALLED
        title = "the notebook's Python lacks a module at the import of TensorFlow"
        yield from candidates("no-module-in-a-notebook", weights, title, (heading[0].evidence, arrow[0].evidence))
