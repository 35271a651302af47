"""No input reaches a terminal, a page or a document raw: escape sequences, bidirectional overrides, markup. S5 of the anchors."""

from __future__ import annotations

import json
import os
import random
import re
import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.forked import Answer, run
from tests.schemas import valid

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
SEQUENCES = [
    "\x1b[2J", "\x1b[1;31m", "\x1b]52;c;cm0gLXJm\x07", "\x1b]8;;https://example.invalid\x1b\\x\x1b]8;;\x1b\\", "\x1b]0;title\x07", "\x1bP+q\x1b\\",
    "\x1b_apc\x1b\\", "\x1bc", "\x9b31m", "\x9d52;c;x\x9c", "a\rb", "a\nb", "a\x08b", "\x0e", "\x85", "\u2028", "\u2029", "\ufeff", "\u200b", "\u061c",
    "\U000e0041", "\ufff9", "\udcff", "\udc9b31m",
    "<script>alert(1)</script>", "</pre><img src=x onerror=alert(1)>", "\"onmouseover=alert(1) x=\"", "```\n# owned", "[x](javascript:alert(1))",
    "![x](https://example.invalid/x.png)", "<!--", "]]>", "&lt;", "@everyone", "$(touch owned)", "`touch owned`", "'; touch owned; '", "%0a", "{0}", "%s%n",
]  # fmt: skip
CHARACTERS = [chr(number) for number in (*range(1, 32), *range(127, 160), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A))]
# CONVFIX_ESCAPE_MACHINES=50 makes a long run of it.
MACHINES = int(os.environ.get("CONVFIX_ESCAPE_MACHINES", "4"))
PAYLOADS = [*SEQUENCES, *(f"a{char}b" for char in CHARACTERS)]


def raw(text: str) -> list[str]:
    """The characters of ``text`` that a terminal may obey."""
    return sorted({char for char in text if char != "\n" and unicodedata.category(char) in _HIDDEN})


class _Page(HTMLParser):
    """What stands in a page besides text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update((tag, name) for name, _ in attrs)


def described(pick: Iterator[str]) -> dict[str, Any]:
    """A sick machine whose every free text is another payload."""
    return {
        "schema": "convfix-machine/1", "os": "linux", "distro": {"id": next(pick), "version": next(pick)}, "arch": "x86_64", "glibc": "2.35",
        "kernel": next(pick), "wsl": False, "container": next(pick), "secure_boot": False, "cpu_flags": ["avx", next(pick)],
        "gpus": [{"name": next(pick), "pci_id": "10de:2206", "compute_capability": "8.6", "memory_mib": 10240, "free_mib": 100, "powered": True}],
        "driver": {"version": "535.104.05", "kernel_module": "535.104.05", "open_module": False, "libcuda_path": f"/usr/{next(pick)}"},
        "pythons": ["3.11"], "managers": ["pip", "uv"], "root": False, "disk_free_mib": 60000,
        "environment": {"kind": "venv", "python": "3.11.7", "owner": None,
                        "packages": {"tensorflow": "2.15.1", "numpy": "2.0.2", "keras": "2.15.0", next(pick): "1.0"}},
        "toolkits": [{"version": "11.2", "path": f"/usr/{next(pick)}"}],
        "libraries": [{"name": "cudnn", "version": "8.1.0", "path": f"/usr/{next(pick)}/libcudnn.so.8"}],
        "variables": {"LD_LIBRARY_PATH": f"/usr/{next(pick)}", "XLA_FLAGS": next(pick), "CUDA_VISIBLE_DEVICES": next(pick), "TF_X": next(pick),
                      "KERAS_BACKEND": next(pick), "CUDA_HOME": next(pick), "PYTHONPATH": next(pick)},
        "x-convfix": {"sources": {"gpus": [next(pick)], "driver.version": [next(pick)], "variables": [next(pick)]}, "details": {"gpus": next(pick)}},
    }  # fmt: skip


def endless(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        yield from chance.sample(PAYLOADS, len(PAYLOADS))


def clean(answer: Answer) -> None:
    """Fails where text for a person holds what a terminal obeys, or an unforeseen end."""
    assert answer.code is not None and answer.code not in (70, 97, 98, 99), answer.stderr
    assert not raw(answer.out.decode("utf-8")), (raw(answer.stdout), answer.stdout[:2000])
    assert not raw(answer.err.decode("utf-8")), (raw(answer.stderr), answer.stderr[:2000])


def one_document(answer: Answer, command: str | None = None) -> Any:
    """The one document on stdout, in plain ASCII, as its schema says."""
    assert answer.code is not None and answer.out.isascii() and not raw(answer.stdout)
    made = json.loads(answer.stdout)
    valid(made, "envelope")
    assert made["exit_code"] == answer.code
    if command is not None and made["status"] != "error":
        valid(made["data"], command)
    return made


VERBS = [
    ["doctor"], ["doctor", "-vv"], ["doctor", "--device", "gpu"], ["plan"], ["plan", "-v"], ["plan", "--offline"], ["plan", "--format", "requirements"],
    ["plan", "--format", "dockerfile"], ["plan", "--format", "conda"], ["plan", "--format", "commands"], ["why-not", "tensorflow==2.15.1"], ["report"],
]  # fmt: skip


@pytest.mark.parametrize("argv", VERBS, ids=" ".join)
def test_a_described_machine(argv: list[str], tmp_path: Path) -> None:
    """Machines of 22 payloads each for every verb, as text and as JSON: in CI 12 x 4 x 22 payloads."""
    for seed in range(MACHINES):
        machine = described(endless(seed))
        (tmp_path / "machine.json").write_text(json.dumps(machine))
        command = [*argv, "--machine", str(tmp_path / "machine.json")]
        spoken, told = run(command, {"HOME": str(tmp_path)}), run([*command, "--json"], {"HOME": str(tmp_path)})
        clean(spoken)
        one_document(told, argv[0])
        assert spoken.code == told.code
        if argv == ["report"]:
            _markdown(spoken.stdout)


def _markdown(text: str) -> None:
    """Only our own headings, fences and details; nothing that a renderer makes a link, a picture or a tag of."""
    fenced = False
    for line in text.split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced:
            bare = re.sub(r"\\.", "", line)
            assert not re.search(r"[`\[\]]|<(?!/?(?:details|summary)>)", bare), line
    assert not fenced


def test_a_page_holds_our_own_tags_alone(tmp_path: Path) -> None:
    ours = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "small", "pre", "details", "summary"}
    for seed in range(2 * MACHINES):
        (tmp_path / "machine.json").write_text(json.dumps(described(endless(seed))))
        answer = run(["report", "--format", "html", "--machine", str(tmp_path / "machine.json")], {"HOME": str(tmp_path)})
        clean(answer)
        page = _Page()
        page.feed(answer.stdout)
        assert page.tags <= ours and {name for _, name in page.attributes} <= {"lang", "charset", "http-equiv", "content", "class"}


def test_a_log(tmp_path: Path) -> None:
    """Each payload inside lines that are recognised, quoted and explained."""
    for start in range(0, len(PAYLOADS), 12):
        lines = []
        for payload in PAYLOADS[start : start + 12]:
            text = payload.encode("utf-8", "surrogateescape")
            lines += [b"2024-01-01 00:00:00.0: E tensorflow/stream_executor/cuda/cuda_dnn.cc:329] Could not create cudnn handle: " + text,
                      b"Could not load dynamic library 'libcudnn.so.8'; dlerror: " + text + b"; LD_LIBRARY_PATH: /usr/" + text]  # fmt: skip
        log = b"\n".join(lines)
        spoken, told = run(["explain", "-v"], {"HOME": str(tmp_path)}, stdin=log), run(["explain", "--json"], {"HOME": str(tmp_path)}, stdin=log)
        clean(spoken)
        assert one_document(told, "explain")["data"]["causes"] and spoken.code == told.code == 1


def test_names_that_are_given(tmp_path: Path) -> None:
    """Payloads as files, requirements, interpreters, runs and words that nobody knows: every refusal is one clean line."""
    chance = random.Random(5)
    for payload in PAYLOADS:
        word = payload.encode("utf-8", "surrogateescape")
        commands: list[list[str | bytes]] = [
            ["doctor", "--machine", word], ["apply", word], ["explain", word], ["doctor", "--python", b"/no/" + word], ["plan", "--want", word],
            ["undo", word], [word], ["doctor", b"--" + word], ["doctor", "--device", word], ["data", "show", word], ["doctor", "--data-dir", word],
            ["explain", "--environment", word], ["doctor", "--sys-root", word], ["facts", "--record", b"/dev/null/" + word],
        ]  # fmt: skip
        for command in chance.sample(commands, 1 if MACHINES < 10 else 5):
            spoken, told = run(command, {"HOME": str(tmp_path)}), run([*command, "--json"], {"HOME": str(tmp_path)})
            clean(spoken)
            one_document(told)
            assert spoken.code == told.code, (command, spoken, told)


def test_a_journal_and_a_plan(tmp_path: Path) -> None:
    (tmp_path / "state" / "runs").mkdir(parents=True, mode=0o700)
    (tmp_path / "state").chmod(0o700)
    variables = {"HOME": str(tmp_path), "CONVFIX_STATE_DIR": str(tmp_path / "state")}
    for start in range(0, len(PAYLOADS), 8):
        for number, text in enumerate(PAYLOADS[start : start + 8], 1):
            spec = {"id": text, "kind": text, "params": {text: text}, "summary": text}
            before = {"format": "convfix-journal/1", "actions": [spec], "python": text, text: text}
            rows = [("", "begun", before), (text, "intent", {"deed": text, "path": text}), ("", text if number % 2 else "committed", {})]
            lines = [{"run": str(number), "seq": at, "action": action, "state": state, "time": text, "before": what, "after": {}}
                     for at, (action, state, what) in enumerate(rows)]  # fmt: skip
            (tmp_path / "state" / "runs" / f"{number}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (tmp_path / "plan.json").write_text(json.dumps({"format": PAYLOADS[start], PAYLOADS[start]: 1}))
        for command in (["history"], ["undo", "2", "--dry-run"], ["undo", "-y"], ["apply", str(tmp_path / "plan.json")]):
            spoken, told = run(command, variables), run([*command, "--json"], variables)
            clean(spoken)
            one_document(told, command[0])


def test_variables_tools_and_files_of_a_live_machine(tmp_path: Path) -> None:
    """nvidia-smi, os-release, the environment's folders and the variables of this process."""
    for at in range(0, len(PAYLOADS) - 8, 9):
        texts = [one.replace("\0", "") for one in PAYLOADS[at : at + 9]]
        root = tmp_path / f"root{at}"
        for folder in ("etc", "proc", "usr/lib"):
            (root / folder).mkdir(parents=True)
        (root / "etc/os-release").write_bytes(f"ID={texts[0]}\nVERSION_ID={texts[1]}\nID_LIKE={texts[2]}\n".encode("utf-8", "surrogateescape"))
        (root / "proc/version").write_bytes(f"Linux version {texts[3]} x\n".encode("utf-8", "surrogateescape"))
        given = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": f"/x/{texts[4]}", "XLA_FLAGS": texts[5], "KERAS_BACKEND": texts[6],
                 "CUDA_VISIBLE_DEVICES": texts[7], "CUDA_HOME": f"/{texts[8]}", "VIRTUAL_ENV": f"/{texts[0]}"}  # fmt: skip
        for command in (["doctor", "-v", "--sys-root", str(root)], ["facts", "--sys-root", str(root)]):
            spoken, told = run(command, given), run([*command, "--json"], given)
            clean(spoken)
            one_document(told, command[0])


def test_the_tests_can_fail() -> None:
    assert raw("\x1b") and raw("\u202e") and raw("\x85") and not raw("Größe\n")
    with pytest.raises(AssertionError):
        clean(Answer(0, b"\x1b[2J", b""))
    with pytest.raises(AssertionError):
        _markdown("<img src=x>")
