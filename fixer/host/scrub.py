"""Takes people, hosts and secrets out of texts that leave the machine. Values only: keys and file names of programs stay.

The unit is a ``Scrub``: a function from text to text, the same text for the same name everywhere, so that paths
that belonged together still do. What a text is for (JSON, a unit, a crontab, a shell's profile) is not known here, so a
secret is known by the name in front of it, whatever quotes and separators stand between; its quotes stay.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping

HOME, USER, MACHINE, EMAIL, GONE = "/home/user", "user", "machine", "someone@example.invalid", "***"
# user:password@ in addresses, up to the last @ of the host's part.
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s\"'<>]{1,400}(?=@)")
# The words that tokens of the large services begin with; three parts of a JSON web token; the body of a private key.
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|pypi-|npm_|nvapi-|dop_v1_|AKIA|ASIA|AIza|ya29\.|SG\.|xox[abps]-|xapp-|sk-|[sr]k_live_)"
    r"[A-Za-z0-9_\-.]{10,400}|\beyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{0,2000}"
)
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[^-]{0,20000}(-----END )")
_WORDS = (
    r"(?:password|passwd|passphrase|passcode|secrets?|tokens?|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|credentials?|"
    r"authorization|(?:access|auth|bearer|refresh)tokens?|apitokens?|clientsecret|accesskey|privatekey|[A-Za-z0-9]+passw(?:or)?d|"
    r"pass|pwd)"
)
# A whole name of one of these words: TOKEN, db_password, hf-token.old; never tokenizers or passlib.
_NAME = rf"(?:(?:[A-Za-z0-9_.-]*[_.-])?{_WORDS}(?:[_.-][A-Za-z0-9_.-]*)?|[A-Za-z0-9_]+_key)"
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)
_SIGN = r"[ \t]{0,9}(?:=(?!=)|:(?![:/]))[ \t]{0,9}"
_STRING = r"\"(?:[^\"\\\n]|\\.){1,4000}\"|'[^'\n]{1,4000}'"
_QUOTED = re.compile(
    rf"(?i)(?<![\w.-])((\\{{0,8}}[\"']){_NAME}\2\s{{0,9}}:\s{{0,9}})(\\{{1,8}}[\"'][^\"'\\\n]{{1,4000}}|{_STRING}|\d{{1,40}})"
)
_SET = re.compile(
    rf"(?i)(?<![\w.-])((?:--?|set[ \t]+-\w+[ \t]+|setenv[ \t]+){_NAME}[ \t=]{{1,9}}|{_NAME}{_SIGN})({_STRING}|[^\s\"'&;,{{}}]{{1,4000}})"
)
# A line that is nothing but such a setting ends with its value, spaces and all.
_WHOLE_LINE = re.compile(
    rf"(?im)^([ \t]{{0,40}}(?:export[ \t]+|set[ \t]+-\w+[ \t]+|Environment=)?{_NAME}{_SIGN})([^\s\"',{{\[][^\n]{{0,4000}})$"
)
_HINT = re.compile(r"pass|pwd|secret|token|key|credential|authorization", re.IGNORECASE)
# A line of ~/.netrc.
_NETRC = re.compile(r"(?<=\bmachine )(\S{1,400}[ \t]+login[ \t]+)\S{1,400}([ \t]+password[ \t]+)\S{1,400}")
_VERSION = re.compile(r"[\"']?\d{1,6}(?:\.\d{1,6}){1,4}(?:[.+-]?[a-z]\w{0,20}){0,3}[\"']?")
_NO_HOST = r"(?:service|socket|target|timer|slice|scope|mount|so)\b"
_EMAIL = re.compile(rf"(?<![\w.+@/-])[\w.+-]{{1,64}}@(?:[A-Za-z0-9-]{{1,63}}\.){{1,6}}(?!{_NO_HOST})[A-Za-z]{{2,24}}\b")
_HOMES = re.compile(r"(?<![\w.-])(/(?:home|Users|export/home|net/home)/)([^/\s\"':;,<>]{1,100})")
# Names that stand for no person and that ordinary words contain.
_NOBODY = frozenset((
    "root", "user", "nobody", "admin", "ubuntu", "debian", "fedora", "centos", "arch", "jovyan", "docker", "conda", "python", "python3",
    "home", "localhost", "linux", "linuxbrew", "nvidia", "cuda", "cudnn", "tensorflow", "keras", "torch", "numpy", "jax", "jetson",
    "vagrant", "azureuser", "gpu", "cpu", "lib", "lib64", "usr", "bin", "opt", "var", "etc", "dev", "proc", "sys", "run", "tmp", "mnt",
    "srv", "data", "work", "local", "share", "site", "packages", "include", "test", "tests", "env", "venv", "default", "machine", "host",
    "server", "node", "pip", "jupyter", "systemd", "version", "name", "path", "files", "driver", "kernel", "module", "modules",
    "max", "min",
))  # fmt: skip


class Scrub:
    """Replaces the home folder, people's and the machine's names, and what looks like a secret."""

    def __init__(self, environ: Mapping[str, str], hosts: tuple[str, ...] = ()) -> None:
        self._rules: list[tuple[re.Pattern[str], str]] = []
        self._others: dict[str, str] = {}
        home = environ.get("HOME", "").rstrip("/")
        if home.startswith("/") and home.count("/") >= 1 and home not in ("/", HOME):
            self._rules.append((re.compile(re.escape(home) + r"(?![\w.-])"), HOME))
        for name in dict.fromkeys((environ.get("USER", ""), environ.get("LOGNAME", ""), home.rpartition("/")[2])):
            self._word(name, USER)
        for name in dict.fromkeys((*hosts, *(one.partition(".")[0] for one in hosts))):
            if len(name) > 2:
                self._word(name, MACHINE)

    def _word(self, name: str, instead: str) -> None:
        if not name or name.lower() in _NOBODY:
            return
        # Two letters are a person only as a folder of a path, or where a word says so.
        before, after = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])") if len(name) > 2 else (r"(?<=/)", r"(?=[/\s\"']|$)")
        self._rules.append((re.compile(before + re.escape(name) + after, re.IGNORECASE if len(name) > 2 else 0), instead))

    def __call__(self, text: str) -> str:
        for pattern, instead in self._rules:
            text = pattern.sub(instead, text)
        text = _HOMES.sub(self._other, text)
        text = _IN_ADDRESS.sub(GONE, text)
        text = _TOKEN.sub(GONE, text)
        text = _PRIVATE_KEY.sub(rf"\1{GONE}\2", text)
        text = "".join(_without_secrets(line) if _HINT.search(line) else line for line in text.splitlines(True))
        return _EMAIL.sub(EMAIL, text)

    def _other(self, found: re.Match[str]) -> str:
        """Another person's home: the same number for the same name."""
        name = found[2]
        if name.lower() in _NOBODY or re.fullmatch(r"person\d+|\.\.?|[$%{*].*", name):
            return found[0]
        return found[1] + self._others.setdefault(name, f"person{len(self._others) + 1}")


def _without_secrets(line: str) -> str:
    line = _NETRC.sub(rf"\1{GONE}\2{GONE}", line)
    line = _WHOLE_LINE.sub(_line, line)
    line = _QUOTED.sub(lambda found: found[1] + _gone(found[3]), line)
    return _SET.sub(lambda found: found[1] + _gone(found[2]), line)


def _gone(value: str) -> str:
    """What stands in a secret's place: quotes stay, a number stays a number, and a version is none."""
    if _VERSION.fullmatch(value) or value in (GONE, HOME):
        return value
    if value[:1] == "\\":
        return value[: len(value) - len(value.lstrip("\\")) + 1] + GONE
    if value[:1] in "\"'":
        return value[0] + GONE + value[0]
    return "0" if value.isdigit() else GONE


def _line(found: re.Match[str]) -> str:
    return found[1] + _gone(found[2].rstrip()) if not _VERSION.fullmatch(found[2].strip()) else found[0]


def scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    """A JSON value with every text scrubbed. Of keys only paths are: the others are names and our own words."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrub(key) if key.startswith("/") else key: _of_key(key, one, scrub) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrubbed(one, scrub) for one in value]
    return value


def _of_key(key: str, value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str) and value and not key.startswith("/") and _SECRET_NAME.fullmatch(key) and not _VERSION.fullmatch(value):
        return GONE
    return scrubbed(value, scrub)
