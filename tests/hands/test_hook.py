"""The preload hook in real environments: which copy wins, what it costs, that it harms nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fixer.apply.transaction import apply
from fixer.apply.undo import undo
from fixer.errors import RolledBackError, UsageError
from tests import patients
from tests.hands.bodies import Home, action, exact, plan, quiet, same

# A tensorflow that opens a library by its soname, as the real one does, and says what it got.
TENSORFLOW = """
import ctypes
def version():
    return ctypes.CDLL("libconvfixone.so.8").answer()
got = version()
"""


class Lab:
    """An environment with a tensorflow of its own kind, and two copies of one library: 1 and 2."""

    def __init__(self, folder: Path, python: str = "3.11") -> None:
        self.home = Home(folder / "home")
        self.env = folder / "env 'of' me"
        subprocess.run([patients.need_python(python), "-m", "venv", "--without-pip", str(self.env)], check=True)
        self.python = str(self.env / "bin" / "python")
        self.site = next(self.env.glob("lib/python*/site-packages"))
        (self.site / "tensorflow").mkdir()
        (self.site / "tensorflow" / "__init__.py").write_text(TENSORFLOW)
        (self.site / "tensorflow" / "sub.py").write_text("value = 7\n")
        self.copies = {number: self.library(folder / f"copy {number}é", number) for number in (1, 2)}
        self.before = exact(self.env)

    def library(self, folder: Path, number: int) -> str:
        folder.mkdir()
        source = folder / "one.c"
        source.write_text(f"int answer(void) {{ return {number}; }}\n")
        path = str(folder / "libconvfixone.so.8")
        subprocess.run([patients.need("cc"), "-shared", "-fPIC", "-Wl,-soname,libconvfixone.so.8", "-o", path, str(source)], check=True)
        return path

    def plan(self, *libraries: str):
        params = {
            "interpreter": self.python, "prefix": str(self.env), "site_packages": str(self.site), "libraries": list(libraries),
        }  # fmt: skip
        return plan(action("preload_hook", params))

    def install(self, *libraries: str) -> None:
        apply(self.plan(*libraries or (self.copies[2],)), self.home.host, self.home.state, quiet)

    def run(self, code: str, *flags: str, search: str | None = None) -> str:
        variables = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
        if search:
            variables["LD_LIBRARY_PATH"] = search
        done = subprocess.run([self.python, "-B", *flags, "-c", code], capture_output=True, text=True, env=variables)
        return (done.stdout + done.stderr).strip()

    @property
    def first(self) -> str:
        return os.path.dirname(self.copies[1])


@pytest.fixture(params=["3.6", "3.8", "3.11", "3.13"])
def any_lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    if patients.find_python(request.param) is None:
        pytest.skip(f"Python {request.param} is not here")
    return Lab(tmp_path, request.param)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


GOT = "import tensorflow; print(tensorflow.got)"


def test_it_wins_over_ld_library_path_and_leaves_no_trace(any_lab: Lab) -> None:
    assert any_lab.run(GOT, search=any_lab.first) == "1"
    assert "cannot open shared object" in any_lab.run(GOT)
    any_lab.install()
    assert any_lab.run(GOT, search=any_lab.first) == "2"
    assert any_lab.run(GOT) == "2"
    assert any_lab.run(GOT, "-I") == "2"
    assert "cannot open shared object" in any_lab.run(f"import sys; sys.path.append({str(any_lab.site)!r}); {GOT}", "-S")
    # Now without the flag that keeps Python from compiling the module.
    subprocess.run([any_lab.python, "-c", "pass"], check=True)
    undo(None, any_lab.home.host, any_lab.home.state, quiet)
    assert not same(any_lab.before, exact(any_lab.env))


def test_there_is_one_finder_though_site_runs_the_line_twice(any_lab: Lab) -> None:
    any_lab.install()
    assert any_lab.run("import sys; print([f.__name__ for f in sys.meta_path].count('ConvfixPreload'))") == "1"


def test_looking_for_tensorflow_loads_nothing(lab: Lab) -> None:
    lab.install()
    code = (
        "import importlib.util, sys; spec = importlib.util.find_spec('tensorflow'); print(spec.origin is not None);"
        "print('convfixone' in open('/proc/self/maps').read(), 'ctypes' in sys.modules, 'tensorflow' in sys.modules)"
    )
    assert lab.run(code) == "True\nFalse False False"


def test_submodules_and_reloads_work_and_the_finder_goes(lab: Lab) -> None:
    lab.install()
    code = (
        "import sys, importlib; import tensorflow.sub; import tensorflow as t; print(tensorflow.sub.value, t.got);"
        "print([f for f in sys.meta_path if getattr(f, '__name__', '') == 'ConvfixPreload']);"
        "print('exec_module' in vars(t.__loader__)); importlib.reload(t); print(t.__spec__.name, t.__file__ is not None)"
    )
    assert lab.run(code) == "7 2\n[]\nFalse\ntensorflow True"


def test_another_finder_of_the_same_kind_does_not_loop(lab: Lab) -> None:
    lab.install()
    code = (
        "import sys\n"
        "class F:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name == 'tensorflow':\n"
        "            for f in sys.meta_path:\n"
        "                if f is not cls:\n"
        "                    s = f.find_spec(name, path, target)\n"
        "                    if s: return s\n"
        "sys.meta_path.insert(1, F)\n" + GOT
    )
    assert lab.run(code) == "2"


def test_a_missing_tensorflow_stays_missing(lab: Lab) -> None:
    lab.install()
    for name in ("__init__.py", "sub.py"):
        (lab.site / "tensorflow" / name).unlink()
    (lab.site / "tensorflow").rmdir()
    assert "No module named 'tensorflow'" in lab.run("import tensorflow")


def test_vanished_libraries_harm_nothing(lab: Lab) -> None:
    lab.install(lab.copies[2], lab.copies[1])
    os.unlink(lab.copies[2])
    # All or none: the first copy is not loaded by the hook either.
    assert "cannot open shared object" in lab.run(GOT)
    assert lab.run(GOT, search=lab.first) == "1"
    (lab.site / "_convfix_preload.py").unlink()
    assert lab.run("print('quiet')") == "quiet"


def test_it_costs_little_at_a_start_without_tensorflow(any_lab: Lab) -> None:
    """Counted, not timed: no module of ours, and none but what old versions of site need to read any .pth."""
    code = "import sys; print(*sorted(sys.modules))"
    before = set(any_lab.run(code).split())
    any_lab.install()
    after = set(any_lab.run(code).split())
    assert after - before <= {"_bootlocale", "_locale", "encodings.ascii", "encodings.utf_8_sig"}
    assert "_convfix_preload" in any_lab.run("import tensorflow; " + code).split()


def test_a_start_makes_few_system_calls_more(lab: Lab) -> None:
    """The line in the .pth is found, read and run; nothing else of the hook is looked at."""
    patients.need("strace")
    before = _calls(lab)
    lab.install(*[lab.copies[2]] * 24)
    after = _calls(lab)
    more = [call for call in after if "convfix" in call]
    assert len(after) - len(before) <= 15, (len(before), len(after))
    assert more and not any("_convfix_preload.py" in call for call in more)
    opened = [call for call in more if call.startswith("open")]
    # In a virtual environment site reads its .pth files twice.
    assert 1 <= len(opened) <= 2 and all("convfix_preload.pth" in call for call in opened)


def _calls(lab: Lab) -> list[str]:
    """The system calls of one start of Python, but for memory, whose number depends on addresses."""
    trace = lab.env.parent / "trace"
    argv = ["strace", "-f", "-qq", "-o", str(trace), lab.python, "-c", "pass"]
    subprocess.run(argv, check=True, env={"PATH": "/usr/bin:/bin"})
    calls = [line.split(maxsplit=1)[1] for line in trace.read_text().splitlines()]
    return [call for call in calls if not call.startswith(("brk", "mmap", "munmap", "mremap", "madvise"))]


def test_refusals(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(RolledBackError, match="no such library"):
        lab.install(str(tmp_path / "none.so"))
    with pytest.raises(UsageError, match="absolute path"):
        lab.install("libc.so.6")
    with pytest.raises(UsageError, match="absolute path"):
        lab.install(f"{lab.copies[1]}/../x.so")
    (lab.site / "convfix_preload.pth").write_text("import mine\n")
    with pytest.raises(RolledBackError, match="other content"):
        lab.install()
    assert (lab.site / "convfix_preload.pth").read_text() == "import mine\n"
    assert not (lab.site / "_convfix_preload.py").exists()


def test_an_edited_hook_is_left(lab: Lab) -> None:
    lab.install()
    with open(lab.site / "_convfix_preload.py", "a") as file:
        file.write("# mine\n")
    back = undo(None, lab.home.host, lab.home.state, quiet)
    assert len(back.conflicts) == 1 and "_convfix_preload.py" in back.conflicts[0]
    assert not (lab.site / "convfix_preload.pth").exists()
