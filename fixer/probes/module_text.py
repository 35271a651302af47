"""The text of a modulefile, Tcl or Lua, as lines that change variables. It interprets a small, plain part and runs nothing.

The unit is ``Deed``. ``Seen.whole`` says that nothing else in the file could change the environment: no condition, no other
module, no command that is not known. Only words and variables that the file set above are filled in.
"""

from __future__ import annotations

import re
from typing import Iterator, Mapping

from fixer.model.record import record

_MOST = 2000
_LONGEST = 4096
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")
_TCL_DEEDS = {"setenv": "set", "pushenv": "set", "prepend-path": "prepend", "append-path": "append", "unsetenv": "unset"}
# These tell of the module, or stand against others: no variable changes by them.
_TCL_SILENT = frozenset(("set", "conflict", "prereq", "module-whatis", "set-alias", "complete", "family", "puts", "chdir", "proc", "break"))
OF_MODULES = ("load",)
_TCL_LOADS = ("load", "add")
_TCL_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|\{([^{}]*)\}|(\S+))')
_TCL_USE = re.compile(r"\$(?:\{(?:::)?([A-Za-z0-9_:()]+)\}|(?:::)?(env\([A-Za-z0-9_]+\)|[A-Za-z_][A-Za-z0-9_]*))")
_LUA_DEEDS = {"setenv": "set", "pushenv": "set", "prepend_path": "prepend", "append_path": "append", "unsetenv": "unset"}
_LUA_LOADS = ("load", "always_load", "depends_on")
_LUA_SILENT = frozenset(("help", "whatis", "conflict", "prereq", "family", "set_alias", "LmodMessage", "add_property"))
_LUA_CALL = re.compile(r"([A-Za-z_]\w*)\s*([({\[\"'].*)", re.DOTALL)
_LUA_LOCAL = re.compile(r"(?:local\s+)?([A-Za-z_]\w*)\s*=\s*(.+)", re.DOTALL)
_LUA_TOKEN = re.compile(
    r"""\s*(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|\[\[(.*?)\]\]|([A-Za-z_]\w*)|(\.\.|[(){},=])|(.))""",
    re.DOTALL,
)


@record(frozen=True)
class Deed:
    """``number`` is the line, from 1; ``deed`` is set, prepend, append or unset, or load, which has a module's name for its value."""

    number: int
    deed: str
    name: str
    value: str


@record(frozen=True)
class Seen:
    """The deeds of a file in order, and whether they are all."""

    deeds: tuple[Deed, ...]
    whole: bool


def _plain(name: str | None, value: str | None) -> bool:
    return name is not None and value is not None and bool(_VARIABLE.fullmatch(name)) and len(value) <= _LONGEST and value.isprintable()


# Tcl


def tcl(text: str, environ: Mapping[str, str]) -> Seen:
    """A file that begins with ``#%Module``."""
    known: dict[str, str] = {}
    deeds: list[Deed] = []
    whole, depth, skipping = True, 0, False
    for number, line in _joined(text):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        opened = depth
        # What is in quotes does not count as a brace; a help text is skipped with its procedure.
        depth = max(0, depth + _braces(line))
        if not opened:
            skipping = line.startswith("proc ")
        if opened and skipping:
            continue
        words = _tcl_words(line.strip("{} \t"), known, environ)
        command = words[0] if words else ""
        if command == "set" and len(words) == 3 and words[1] and words[2] is not None and not opened:
            known[words[1]] = words[2]
        elif command == "set" and len(words) > 1 and words[1]:
            known.pop(words[1], None)
        elif command in _TCL_DEEDS:
            made = list(_tcl_deeds(number, _TCL_DEEDS[command], words[1:]))
            whole = whole and not opened and bool(made)
            deeds += made
        elif command in ("module", "depends-on"):
            made = list(_tcl_module(number, [*(["load"] if command == "depends-on" else []), *words[1:]]))
            whole = whole and not opened and bool(made)
            deeds += made
        elif command not in _TCL_SILENT:
            whole = False
    return Seen(tuple(deeds[:_MOST]), whole and depth == 0 and text.count("\n") < _MOST)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that a backslash continues, each with its first number."""
    held, first = "", 0
    for number, line in enumerate(text.splitlines()[:_MOST], 1):
        first = first or number
        held += line.removesuffix("\\") + " "
        if line.endswith("\\") and len(held) < _LONGEST:
            continue
        yield first, held if len(held) <= _LONGEST else "too-long"
        held, first = "", 0
    if held:
        yield first, held


def _braces(line: str) -> int:
    bare = re.sub(r'"(?:[^"\\]|\\.)*"|\\.|\$\{[^}]*\}', "", line)
    return bare.count("{") - bare.count("}")


def _tcl_words(line: str, known: Mapping[str, str], environ: Mapping[str, str]) -> list[str | None]:
    """The words of a command; None for one that holds what is not known."""
    made: list[str | None] = []
    for quoted, braced, bare in _TCL_WORD.findall(line)[:50]:
        if braced:
            made.append(braced)
            continue
        word = quoted or bare
        if bare and bare.startswith(";"):
            break
        made.append(None if "[" in word else _tcl_filled(word, known, environ))
    return made


def _tcl_filled(word: str, known: Mapping[str, str], environ: Mapping[str, str]) -> str | None:
    made, at = "", 0
    for use in _TCL_USE.finditer(word):
        name = use[1] or use[2]
        value = environ.get(name[4:-1]) if name.startswith("env(") else known.get(name)
        if value is None or len(made) > _LONGEST:
            return None
        made, at = made + word[at : use.start()] + value, use.end()
    rest = word[at:]
    return None if "$" in rest or "\\" in rest else made + rest


def _tcl_deeds(number: int, deed: str, words: list[str | None]) -> Iterator[Deed]:
    """``prepend-path -d : NAME VALUE...``; nothing where a word is not known or another delimiter is asked for."""
    left = list(words)
    while left and (left[0] or "").startswith("-"):
        option = left.pop(0) or ""
        if option in ("-d", "--delim", "-delim"):
            option = f"--delim={left.pop(0) if left else None}"
        if option.startswith("--delim=") and option != "--delim=:":
            return
    values = left[1:] if deed != "unset" else [""]
    if left and values and all(_plain(left[0], value) for value in values):
        yield Deed(number, deed, str(left[0]), ":".join(str(value) for value in values))


def _tcl_module(number: int, words: list[str | None]) -> Iterator[Deed]:
    """``module load NAME...`` and ``module use [-a] FOLDER...``; nothing for any other, or where a word is not known."""
    if len(words) < 2 or any(word is None or not word.isprintable() or len(word) > _LONGEST for word in words):
        return
    verb, rest = str(words[0]), [str(word) for word in words[1:]]
    if verb in _TCL_LOADS and not any(word.startswith("-") for word in rest):
        yield from (Deed(number, "load", "", word) for word in rest)
    elif verb == "use":
        after = rest[0] in ("-a", "--append")
        parts = rest[1:] if after or rest[0] in ("-p", "--prepend") else rest
        if parts and all(part.startswith("/") for part in parts):
            yield Deed(number, "append" if after else "prepend", "MODULEPATH", ":".join(parts))


# Lua


def lua(text: str, environ: Mapping[str, str]) -> Seen:
    """A file of Lmod's."""
    known: dict[str, str] = {}
    deeds: list[Deed] = []
    whole, depth = True, 0
    for number, statement in _statements(text):
        word = re.match(r"[A-Za-z_]\w*", statement)
        first = word[0] if word else ""
        if first in ("if", "for", "while", "function", "repeat"):
            depth, whole = depth + 1, False
        elif first in ("end", "until"):
            depth = max(0, depth - 1)
        elif first in ("else", "elseif"):
            whole = False
        elif call := _LUA_CALL.fullmatch(statement):
            made = _lua_deeds(number, call[1], call[2], known, environ)
            deeds += made
            whole = whole and (bool(made) and not depth or call[1] in _LUA_SILENT)
        elif setting := _LUA_LOCAL.fullmatch(statement):
            value = _lua_values(setting[2], known, environ)
            known.pop(setting[1], None)
            if len(value) == 1 and value[0] is not None and not depth:
                known[setting[1]] = value[0]
        else:
            whole = False
    return Seen(tuple(deeds[:_MOST]), whole and depth == 0 and text.count("\n") < _MOST)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """One statement each with its first line: a line, and those after it until its brackets are closed."""
    held, first = "", 0
    for number, line in enumerate(_without_long(text, "--[[", "]]").splitlines()[:_MOST], 1):
        first = first or number
        held += ("\n" if held else "") + re.sub(r"(?:^|\s)--.*", "", line[:_LONGEST])
        open_text = held.count("[[") > held.count("]]")
        bare = re.sub(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', "", _without_long(held, "[[", "]]"))
        open_bracket = bare.count("(") + bare.count("{") > bare.count(")") + bare.count("}")
        if (open_text or open_bracket) and len(held) < _LONGEST:
            continue
        if held.strip():
            yield first, held.strip().rstrip(";") if len(held) <= _LONGEST else "too long"
        held, first = "", 0
    if held.strip():
        yield first, "unfinished"


def _without_long(text: str, begin: str, end: str) -> str:
    """``text`` without what stands between ``begin`` and ``end``; its lines keep their numbers."""
    made, at = [], 0
    while (start := text.find(begin, at)) >= 0 and (stop := text.find(end, start)) >= 0:
        made += [text[at:start], "\n" * text.count("\n", start, stop)]
        at = stop + len(end)
    return "".join(made) + text[at:]


def _lua_deeds(number: int, command: str, rest: str, known: Mapping[str, str], environ: Mapping[str, str]) -> list[Deed]:
    if command in _LUA_DEEDS:
        made = _lua_deed(number, command, rest, known, environ)
        return [made] if made is not None else []
    if command not in _LUA_LOADS or not (rest.startswith("(") and rest.endswith(")")):
        return []
    values = _lua_values(rest[1:-1], known, environ)
    names = [value for value in values if value and value.isprintable() and len(value) <= _LONGEST]
    return [Deed(number, "load", "", name) for name in names] if len(names) == len(values) else []


def _lua_deed(number: int, command: str, rest: str, known: Mapping[str, str], environ: Mapping[str, str]) -> Deed | None:
    if not (rest.startswith("(") and rest.endswith(")")):
        return None
    values = _lua_values(rest[1:-1], known, environ)
    deed = _LUA_DEEDS[command]
    if deed == "unset":
        return Deed(number, deed, str(values[0]), "") if values and _plain(values[0], "") else None
    if len(values) < 2 or not _plain(values[0], values[1]) or deed != "set" and len(values) > 2 and values[2] != ":":
        return None
    return Deed(number, deed, str(values[0]), str(values[1]))


def _lua_values(text: str, known: Mapping[str, str], environ: Mapping[str, str]) -> list[str | None]:
    """The arguments of a call: texts, names set above, ``..``, pathJoin(...) and os.getenv("NAME"); None for any other."""
    made: list[str | None] = [""]
    joins: list[int] = []
    text = re.sub(r'os\.getenv\(\s*"(\w+)"\s*\)', lambda found: _quoted(environ.get(found[1])), text)
    for double, single, long, name, sign, other in _LUA_TOKEN.findall(text)[:200]:
        if sign == "," and not joins:
            made.append("")
        elif sign == ",":
            made[-1] = made[-1].rstrip("/") + "/" if made[-1] is not None else None
        elif name == "pathJoin":
            joins.append(0)
        elif sign in ("(", ")") and joins:
            joins = joins[:-1] if sign == ")" else joins
        elif sign == "..":
            continue
        elif sign or other.strip():
            made[-1] = None
        elif name:
            made[-1] = made[-1] + known[name] if made[-1] is not None and len(made[-1]) < _LONGEST and name in known else None
        elif made[-1] is not None and "\\" not in (word := double or single or long) and len(made[-1]) < _LONGEST:
            made[-1] += word
        else:
            made[-1] = None
    return made


def _quoted(value: str | None) -> str:
    return "nil" if value is None or '"' in value or "\\" in value or "\n" in value else f'"{value}"'
