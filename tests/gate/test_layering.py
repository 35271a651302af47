"""The import law of the house and its other structural rules, kept by walking every file's syntax tree."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXER = ROOT / "fixer"
# Who may import whom; nobody needs to be listed for itself. errors and exit_codes belong to model's layer.
LAW = {
    "model": set(),
    "dataset": {"model"},
    "host": {"model"},
    "harvest": {"model", "dataset", "host"},
    "loader": {"model", "host"},
    "log": {"model", "dataset"},
    "probes": {"model", "dataset", "host", "loader"},
    "rules": {"model", "dataset"},
    "planning": {"model", "dataset"},
    "shells": {"model"},
    "actions": {"model", "dataset", "host", "shells"},
    "apply": {"model", "host", "actions"},
    "verify": {"model", "host", "probes", "rules"},
    "report": {"model"},
    "commands": {
        "model", "dataset", "harvest", "host", "loader", "log", "probes", "rules", "planning", "shells", "actions", "apply", "verify",
        "report",
    },
    "cli": {"commands", "model", "report", "dataset"},
}  # fmt: skip
BASE = {"errors", "exit_codes", "__init__", "model"}
# What a room that only thinks must not touch.
TOUCHING = {"os", "subprocess", "time", "datetime", "socket", "pathlib", "shutil", "tempfile", "random", "platform", "io", "glob"}
FILES = sorted(path for path in FIXER.rglob("*.py") if "__pycache__" not in path.parts)
PAYLOADS = FIXER / "payloads"


def room(path: Path) -> str:
    parts = path.relative_to(FIXER).parts
    return parts[0] if len(parts) > 1 else path.stem


def imported(tree: ast.AST) -> set[str]:
    """The dotted names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import at line {node.lineno}"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def rooms_of(names: set[str]) -> set[str]:
    """The rooms of fixer among dotted names."""
    known = set(LAW) | BASE | {"payloads", "compat_data"}
    return {name.split(".")[1] for name in names if name.startswith("fixer.") and name.split(".")[1] in known}


def trees(*rooms: str) -> list[tuple[Path, ast.Module]]:
    chosen = [path for path in FILES if path.parent != PAYLOADS and (not rooms or room(path) in rooms)]
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in chosen]


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def test_there_are_files_in_every_room_that_the_law_names() -> None:
    assert {room(path) for path in FILES} >= set(LAW)


@pytest.mark.parametrize("name", sorted(LAW))
def test_import_law(name: str) -> None:
    wrong = []
    for path, tree in trees(name):
        extra = rooms_of(imported(tree)) - LAW[name] - BASE - {name}
        wrong += [f"{path.relative_to(ROOT)} imports fixer.{other}" for other in sorted(extra)]
    assert not wrong, "\n".join(wrong)


def test_no_room_is_outside_the_law() -> None:
    rooms = {room(path) for path in FILES} - {"__init__", "__main__", "errors", "exit_codes", "payloads"}
    assert rooms <= set(LAW), f"no law for {sorted(rooms - set(LAW))}"


def test_the_law_itself_can_fail() -> None:
    tree = ast.parse("def f():\n    from fixer.host import real\n    import fixer.apply.undo\n    from fixer import probes\n")
    assert rooms_of(imported(tree)) == {"host", "apply", "probes"}


def test_rules_and_planning_only_think() -> None:
    wrong = []
    for path, tree in trees("rules", "planning"):
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in imported(tree) if name.split(".")[0] in TOUCHING]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "input", "exec", "eval"):
                wrong.append(f"{where(path, node)} calls {node.func.id}")
    assert not wrong, "\n".join(wrong)


def test_payloads_import_nothing_of_ours_and_only_the_standard_library_or_the_patient() -> None:
    wrong = []
    for path in sorted(PAYLOADS.glob("*.py")):
        names = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))}
        if "fixer" in names:
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong


def test_nothing_imports_a_payload_since_the_patient_runs_it() -> None:
    wrong = [str(path.relative_to(ROOT)) for path, tree in trees() if "payloads" in rooms_of(imported(tree))]
    assert not wrong


def test_convfix_never_imports_what_belongs_to_the_patient() -> None:
    theirs = {"tensorflow", "keras", "torch", "jax", "numpy", "h5py"}
    wrong = [str(path.relative_to(ROOT)) for path, tree in trees() if theirs & {name.split(".")[0] for name in imported(tree)}]
    assert not wrong


def test_click_is_used_in_cli_and_commands_alone() -> None:
    users = {room(path) for path, tree in trees() if any(name.split(".")[0] == "click" for name in imported(tree))}
    assert users <= {"cli", "commands"}


def test_print_only_in_report() -> None:
    wrong = []
    for path, tree in trees():
        if room(path) != "report":
            wrong += [where(path, node) for node in ast.walk(tree) if isinstance(node, ast.Call) and _calls(node, "print")]
    assert not wrong, wrong


def _calls(node: ast.Call, name: str) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == name


def _strings(tree: ast.AST) -> list[ast.Constant]:
    """All text constants that are not docstrings."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node for node in constants if id(node) not in documentation]


def test_no_shell_and_no_string_commands() -> None:
    wrong = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            wrong += [where(path, node) for keyword in node.keywords if keyword.arg == "shell"]
            name = ast.unparse(node.func)
            if name in ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"):
                wrong.append(where(path, node))
    assert not wrong, wrong


def test_children_are_started_by_the_host_alone() -> None:
    users = {room(path) for path, tree in trees() if any(name.split(".")[0] == "subprocess" for name in imported(tree))}
    assert users <= {"host"}, users


def test_convfix_never_runs_sudo_nor_breaks_system_packages() -> None:
    """No argv that convfix could run holds either word; rules and planning name sudo in steps for a person only."""
    wrong = []
    for path, tree in trees("host", "loader", "probes", "actions", "apply", "verify", "shells", "model", "commands"):
        for node in _strings(tree):
            if node.value in ("sudo", "doas", "pkexec", "su") or "--break-system-packages" in str(node.value):
                wrong.append(where(path, node))
    assert not wrong, wrong


_SIGNALLING = {"kill", "killpg", "pidfd_send_signal", "pthread_kill", "send_signal", "terminate", "tgkill"}
_ENDING_PROGRAMS = {"kill", "pkill", "killall", "skill", "fuser", "rmmod", "--gpu-reset"}


def _signals(tree: ast.AST) -> list[str]:
    """The calls and the names that send a signal, as written; the words by which a program would."""
    sent = [node for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name)) and ast.unparse(node).rpartition(".")[2] in _SIGNALLING]
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [ast.unparse(calls.get(id(node), node)) for node in sent] + [str(one.value) for one in _strings(tree) if one.value in _ENDING_PROGRAMS]


def test_only_a_child_of_ours_is_ever_signalled() -> None:
    """One place sends signals: to the group of a child that the host itself has started in a session of its own."""
    found = {str(path.relative_to(ROOT)): _signals(ast.parse(path.read_text(encoding="utf-8"))) for path in FILES}
    assert {path: sent for path, sent in found.items() if sent} == {"fixer/host/real.py": ["os.killpg(child.pid, number)"]}
    tree = ast.parse((FIXER / "host" / "real.py").read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    sender = next(one for one in functions if any(_signals(statement) for statement in one.body))
    assert [ast.unparse(one) for one in sender.args.args] == ["child: subprocess.Popen[bytes]"]
    started = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "subprocess.Popen"]
    assert started and all("start_new_session=True" in {f"{one.arg}={ast.unparse(one.value)}" for one in call.keywords} for call in started)


def test_the_search_for_signals_can_find_some() -> None:
    wrong = "import os\nfrom os import kill\nkill(7, 9)\nos.kill(pid, 9)\nchild.terminate()\nrun(('pkill', '-f', 'python'))\nstop = os.killpg\n"
    assert sorted(_signals(ast.parse(wrong))) == ["child.terminate()", "kill(7, 9)", "os.kill(pid, 9)", "os.killpg", "pkill"]


def test_no_bare_except_outside_the_places_that_may() -> None:
    # A worker is a process of its own, with a boundary as the command has one: what it catches the command raises again.
    allowed = {"fixer/cli.py", "fixer/probes/runner.py", "fixer/probes/__init__.py", "fixer/host/workers.py"}
    wrong = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")):
                # One that raises again swallows nothing.
                again = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
                if not again and str(path.relative_to(ROOT)) not in allowed:
                    wrong.append(where(path, node))
    assert not wrong, wrong


def test_probes_look_through_the_host_alone() -> None:
    """What a probe asks of this process or this disk by itself would be missing from a recording."""
    asked = ("os.getcwd", "os.geteuid", "os.getuid", "os.getgroups", "os.access", "os.uname", "os.confstr", "os.stat", "os.listdir", "os.environ",
             "os.path.exists", "os.path.isfile", "os.path.isdir", "os.path.realpath", "sys.executable", "open")  # fmt: skip
    # A child of its own, the reader of a file that the user names, and the cache.
    apart = {"nvml_child.py", "machine_file.py", "machine_lines.py", "remember.py"}
    wrong = []
    for path, tree in trees("probes", "loader"):
        if path.name not in apart:
            wrong += [where(path, node) for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name)) and ast.unparse(node) in asked]
    assert not wrong, wrong


def test_product_code_does_not_know_tests_or_the_lab() -> None:
    words = ("fakegpu", "tests/", "tests.", "pytest", "stand-in gpu")
    wrong = []
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        wrong += [where(path, node) for node in _strings(tree) if any(word in str(node.value).lower() for word in words)]
        wrong += [str(path) for name in imported(tree) if name.split(".")[0] in ("tests", "pytest", "scripts")]
    assert not wrong, wrong


def test_every_module_says_what_it_does() -> None:
    silent = [str(path.relative_to(ROOT)) for path in FILES if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent
