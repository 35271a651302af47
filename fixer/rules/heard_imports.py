"""Rules about imports that failed in a log: which module, which name, and out of which file decide the cause.

Python has four sentences for all of it ("No module named X", "module X has no attribute Y", "cannot import name Y from
X", "partially initialized module X"). What is behind them by the module's name stands in ``import_names``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import Heard, evidence, said
from fixer.rules.heard import about, candidates, file_of, has_the_names_of_one, is_own, mixes_user_site, named, own_file
from fixer.rules.import_names import (
    CAME_WITH,
    EVERY_PROTOBUF_HAS,
    EVERY_RELEASE_HAS,
    FOR_A_SESSION,
    KERAS,
    KERAS_HAD,
    LACKING,
    MISSING,
    NAMELESS,
    NOT_TENSORFLOW,
    OF_ONE,
    PROTOBUF,
    PROTOBUF_IN_PIECES,
    SESSION,
    Meaning,
    meaning_of,
    only,
)

# Python's own modules that TensorFlow and what it imports ask for, and after which people call their scripts.
_PYTHONS = frozenset((
    "abc", "code", "collections", "copy", "enum", "inspect", "io", "json", "keyword", "logging", "numbers", "operator", "platform",
    "profile", "queue", "random", "re", "select", "signal", "socket", "string", "struct", "test", "threading", "token", "tokenize",
    "types", "typing", "warnings",
))  # fmt: skip
# Packages in every release: who finds a file in their place, or half of them, was stopped in the midst of the import.
_HALF_LOADED = ("tensorflow.python", "tensorflow")
_HALF_OF_TENSORFLOW = {"environment-broken": 56.0, "module-shadowed": 44.0}
_PYTHONS_FOLDER = re.compile(r"(?:^|[/\\])(?:lib|python\d[\d.]*)[/\\][\w.]+$", re.IGNORECASE)
_SHADOWING = ("tensorflow", "keras", "numpy", "protobuf", "google", "h5py", "jax", "torch", "tf_keras", "typing_extensions")
# The types that ml_dtypes has are the table of its releases.
_A_TYPE = re.compile(r"(?:float|u?int)\d")
# How many lines a traceback has between an import that failed and the error.
_NEAR = 2
# How many lines lie between a line of code in a traceback, or at a prompt, and the error.
_NEAR_CODE = 4


def _told(one: Heard, meaning: Meaning, group: str, title: str) -> Iterator[Finding]:
    if len(meaning.causes) == 1:
        yield named(next(iter(meaning.causes)), meaning.certainty, title, (one.evidence,), f"said-{group}")
    else:
        yield from candidates(group, meaning.causes, title, (one.evidence,))


def _value(one: Heard, name: str) -> str:
    return one.event.values.get(name, "").strip("\"'`‘’“” ")


def _module(one: Heard) -> str:
    """The module that lacks a name; from 1.15 to 2.1 TensorFlow's own were called tensorflow_core."""
    return re.sub(r"^tensorflow_core(?=\.|$)", "tensorflow", _value(one, "module"))


def module_missing(case: Case) -> Iterator[Finding]:
    """A module that is not there."""
    if said(case, "dll-load", "dll-init"):
        # On Windows the DLL's own sentence comes first and says more than the fallback import after it.
        return
    files = {one.event.line: _value(one, "module") for one in said(case, "not-a-package")}
    for one in said(case, "no-module"):
        module = _value(one, "module")
        if files.get(one.event.line) == module.partition(".")[0]:
            # The file that stands in the package's place has no modules.
            continue
        meaning = meaning_of(MISSING, module)
        if module in ("torch", "jax") and module in (_value(frame, "backend") for frame in said(case, "in-keras-backend")):
            # Keras itself looked for the package that a setting names: no import of the person's own failed.
            meaning = only("keras-backend-setting")
        if meaning is None:
            continue
        weights = dict(meaning.causes)
        if module == "tensorflow" and said(case, "keras-backend-tensorflow"):
            # Keras alone asked for it: who works with another backend wants that one named in keras.json.
            weights["keras-backend-setting"] = 44.0
        if module == "tensorflow" and said(case, "notebook"):
            weights["env-not-inherited"] = 60.0
        if module == "tensorflow" and _several_pythons(case):
            weights["env-not-inherited"] = 160.0
        yield from _told(one, Meaning(weights, meaning.certainty), "module-missing", f"there is no module {module}")


def _several_pythons(case: Case) -> bool:
    """Whether Pythons of different versions greet in the log: what one has, another lacks."""
    return len({compare.minor(_value(one, "version")) for one in said(case, "python-banner")}) > 1


def attribute_missing(case: Case) -> Iterator[Finding]:
    """A module that lacks what others expect of it; one that is asked before it is loaded has a rule of its own."""
    early = {one.event.line for one in said(case, "half-imported")}
    for one in said(case, "no-attribute"):
        module, name = _module(one), _value(one, "name")
        if one.event.line in early or own_file(case, module) is not None:
            continue
        meaning = meaning_of(LACKING, module)
        names, otherwise = EVERY_RELEASE_HAS.get(module, ((), None))
        if module == "tensorflow" and case.tensorflow is not None and compare.minor(case.tensorflow) < CAME_WITH.get(name, (0, 0)):
            meaning = only(KERAS)
        elif name in names:
            meaning = otherwise
        elif module == "tensorflow" and name in OF_ONE and has_the_names_of_one(case):
            meaning = NOT_TENSORFLOW
        elif module == "ml_dtypes" and _A_TYPE.match(name):
            meaning = only("ml-dtypes-mismatch", "proven")
        elif module == "tensorflow" and name in ("get_default_graph", "__internal__"):
            meaning = only(KERAS)
        elif name == SESSION and "keras" in module:
            meaning = FOR_A_SESSION
        if meaning is not None:
            yield from _told(one, meaning, "attribute-missing", f"{module} has no {name}")


def attribute_of_tensorflow_missing(case: Case) -> Iterator[Finding]:
    """Before Python 3.5 the sentence does not say whose name is missing: the line of code above it does."""
    asked = said(case, "tensorflow-name-used")
    for one in said(case, "no-attribute-old"):
        name, line = _value(one, "name"), one.event.line
        near = [row for row in asked if 0 < line - row.event.line <= _NEAR_CODE and _value(row, "name") == name]
        if near and own_file(case, "tensorflow") is None:
            title = f"tensorflow has no {name}"
            yield from candidates("attribute-missing", NOT_TENSORFLOW.causes, title, evidence((one, near[-1])))
            return


def name_missing(case: Case) -> Iterator[Finding]:
    """A name that a module does not have; a file outside site-packages is the user's own."""
    events = said(case, "cannot-import-name")
    with_path = {one.event.line for one in events if one.event.values.get("path")}
    for one in events:
        if one.event.line in with_path and not one.event.values.get("path"):
            # The same line by its shorter wording.
            continue
        module, name, path = _module(one), _value(one, "name"), _value(one, "path")
        meaning = meaning_of(NAMELESS, module)
        if module in _PYTHONS and is_own(path) and file_of(path) == f"{module}.py" and not _PYTHONS_FOLDER.search(path):
            meaning = only("module-shadowed")
        if meaning is None or own_file(case, module) is not None:
            continue
        if is_own(path) and module.partition(".")[0] in _SHADOWING:
            meaning = only("module-shadowed")
        elif name == SESSION and "keras" in module:
            meaning = FOR_A_SESSION
        elif module == PROTOBUF and name in EVERY_PROTOBUF_HAS:
            meaning = PROTOBUF_IN_PIECES
        yield from _told(one, meaning, "name-missing", f"{module} has no {name}")


def name_missing_without_module(case: Case) -> Iterator[Finding]:
    """Before Python 3.7 the sentence does not say which module lacks the name: the import that it stopped does, or the name."""
    whole = {(one.event.line, _value(one, "name")) for one in said(case, "cannot-import-name", "half-imported-name")}
    imports = said(case, "import-line")
    for one in said(case, "cannot-import-name-old"):
        name, line = _value(one, "name"), one.event.line
        if (line, name) in whole:
            continue
        near = [row for row in imports if _asks_for(row, name, line)]
        if near or name in KERAS_HAD:
            yield named(KERAS, "likely", f"Keras has no {name} in this release", evidence((one, *near[-1:])), "said-name-of-keras")
            continue
        of_tensorflow = [row for row in said(case, "import-line-inner") if _asks_for(row, name, line)]
        module = f"tensorflow.{_value(of_tensorflow[-1], 'module')}" if of_tensorflow else ""
        meaning = meaning_of(NAMELESS, module)
        if meaning is not None and own_file(case, "tensorflow") is None:
            yield from _told(one, meaning, "name-missing", f"{module} has no {name}")


def _asks_for(row: Heard, name: str, line: int) -> bool:
    """Whether ``row`` is the line of code that asks for ``name`` shortly before ``line``."""
    return 0 < line - row.event.line <= _NEAR and name in re.findall(r"\w+", _value(row, "names"))


def addons_of_another_release(case: Case) -> Iterator[Finding]:
    """TensorFlow Addons says that it is made for other releases, and then a name of TensorFlow's or Keras's was missing."""
    warned = said(case, "plugin-addons")
    failed = [
        one
        for one in said(case, "no-attribute", "cannot-import-name", "no-module")
        if _module(one).partition(".")[0] in ("tensorflow", "keras", "tf_keras")
    ]
    if warned and any(one.event.line > warned[0].event.line for one in failed):
        title = "this tensorflow-addons is made for other TensorFlow releases"
        yield named("plugin-built-for-other-tf", "likely", title, evidence((warned[0], failed[-1])), "said-addons")


def half_imported(case: Case) -> Iterator[Finding]:
    """A module that is asked before it is loaded: mostly a file of the user's under its name."""
    for one in said(case, "half-imported", "half-imported-name"):
        module, path = _value(one, "module"), _value(one, "path")
        if module in _PYTHONS and one.row.id == "half-imported":
            # Python's own modules are whole when anybody asks them.
            title = f"a file of the user's is imported in place of Python's own {module}"
            yield named("module-shadowed", "likely", title, (one.evidence,), "said-half-imported")
            continue
        if module.partition(".")[0] not in _SHADOWING and (path or one.row.id != "half-imported"):
            # A program of several files that import each other in a ring says the same of a name.
            continue
        if is_own(path):
            yield named("module-shadowed", "likely", f"{path} hides the package {module}", (one.evidence,), "said-half-imported")
        elif path:
            weights = {"environment-broken": 50.0, KERAS: 34.0, "module-shadowed": 16.0}
            yield from candidates("half-imported", weights, about(one), (one.evidence,))
        else:
            weights = {"module-shadowed": 76.0, "environment-broken": 24.0}
            yield from candidates("half-imported", weights, about(one), (one.evidence,))


def not_a_package(case: Case) -> Iterator[Finding]:
    """A file stands where a package is expected: the user's own, or inside a package one that another release has as a file."""
    if _hides_a_module_of_pythons(case) is not None:
        return
    for one in said(case, "not-a-package"):
        module = _value(one, "module")
        if module == "tensorflow.python":
            yield from candidates("not-a-package", _HALF_OF_TENSORFLOW, f"{module} is not whole", (one.evidence,))
            continue
        inside = module.partition(".")[0] in ("keras", "tensorflow", "tf_keras") and "." in module
        cause = KERAS if inside else "module-shadowed"
        title = f"{module} is a file in this release" if inside else about(one)
        yield named(cause, "likely", title, (one.evidence,), "said-not-a-package")


def own_file_in_the_way(case: Case) -> Iterator[Finding]:
    """A name is missing from a package, and the traceback goes through a file of the user's that is called like it."""
    if not said(case, "no-attribute", "no-attribute-old", "cannot-import-name"):
        return
    for module in (*_SHADOWING, "ml_dtypes"):
        one = own_file(case, module)
        if one is not None:
            title = f"the user's own {module}.py is imported in the package's place"
            yield named("module-shadowed", "likely", title, (one.evidence,), "said-own-file")
            return


def python_module_in_the_way(case: Case) -> Iterator[Finding]:
    """A traceback goes through a file of the user's that is called like one of Python's own modules, which lacks a name, or
    TensorFlow, which imports that module, stops in the midst of its own import."""
    hiding = _hides_a_module_of_pythons(case)
    if hiding is not None:
        title = f"the user's own {hiding.event.values.get('file', '')} is imported in the place of Python's"
        yield named("module-shadowed", "likely", title, (hiding.evidence,), "said-own-file")
        return
    lacking = {_value(one, "module") for one in said(case, "no-attribute")} & _PYTHONS
    for one in said(case, "own-python-file") if lacking else ():
        path, file = one.event.values.get("path", ""), one.event.values.get("file", "")
        if file.removesuffix(".py") in lacking and _is_called(path, file):
            title = f"the user's own {file} is imported in the place of Python's"
            yield named("module-shadowed", "likely", title, (one.evidence,), "said-own-file")
            return


def _hides_a_module_of_pythons(case: Case) -> Heard | None:
    """A line through a script of the user's that is called like a module which TensorFlow imports, where TensorFlow is half loaded."""
    stopped = [*said(case, "half-imported", "half-imported-name"), *said(case, "not-a-package")]
    if not any(_module(one) in _HALF_LOADED for one in stopped):
        return None
    for one in said(case, "own-python-file"):
        path, file = one.event.values.get("path", ""), one.event.values.get("file", "")
        # Python's own folder named test holds no module that anybody but Python needs.
        if file != "test.py" and _is_called(path, file):
            return one
    return None


def _is_called(path: str, file: str) -> bool:
    """Whether a file of the user's has that very name, which others may only end in, and is not Python's own."""
    return file_of(path + file) == file and is_own(path + file) and not _PYTHONS_FOLDER.search(path + file)


def user_site_in_traceback(case: Case) -> Iterator[Finding]:
    """An environment's program took modules out of the user's own site-packages, and an import failed."""
    mixed = mixes_user_site(case)
    if mixed:
        failed = said(case, "no-module", "no-attribute", "cannot-import-name", "numpy-two", "numpy-array-api", "numpy-import",
                      "numpy-older", "protobuf-descriptors", "protobuf-descriptors-old", "protobuf-runtime-older",
                      "numpy-extensions-failed",
                      "library-not-found")  # fmt: skip
        if failed:
            title = "modules come from ~/.local although the program runs in an environment"
            yield named("user-site-leak", "likely", title, evidence(mixed), "said-user-site")
