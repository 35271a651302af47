"""Takes people, hosts and secrets out of texts that leave the machine. Values only: keys and file names of programs stay.

The unit is a ``Scrub``: a function from text to text, the same text for the same name everywhere, so that paths
that belonged together still do.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping

HOME, USER, MACHINE = "/home/user", "user", "machine"
# user:password@ and tokens in addresses; the words that tokens of the large services begin with.
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s\"']{1,400}(?=@)")
_TOKEN = re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|pypi-|AKIA|xox[abp]-|sk-)[A-Za-z0-9_\-]{10,400}")
_SECRET_LINE = re.compile(r"(?im)^(\s*[\w.-]*(?:password|passwd|secret|token|api[_-]?key)[\w.-]*\s*[=:]\s*)(\S[^\n]{0,400})$")
# Names that stand for no person and that ordinary words contain.
_NOBODY = frozenset(("root", "user", "nobody", "admin", "ubuntu", "debian", "jovyan", "docker", "conda", "python", "home", "localhost"))


class Scrub:
    """Replaces the home folder, the user's and the machine's name, and what looks like a secret."""

    def __init__(self, environ: Mapping[str, str], hosts: tuple[str, ...] = ()) -> None:
        self._rules: list[tuple[re.Pattern[str], str]] = []
        home = environ.get("HOME", "").rstrip("/")
        if home.startswith("/") and home.count("/") >= 1 and home not in ("/", HOME):
            self._rules.append((re.compile(re.escape(home) + r"(?![\w.-])"), HOME))
        for name in dict.fromkeys((environ.get("USER", ""), environ.get("LOGNAME", ""), home.rpartition("/")[2])):
            self._word(name, USER)
        for name in hosts:
            self._word(name, MACHINE)

    def _word(self, name: str, instead: str) -> None:
        if len(name) > 2 and name.lower() not in _NOBODY:
            self._rules.append((re.compile(r"(?<![A-Za-z0-9])" + re.escape(name) + r"(?![A-Za-z0-9])"), instead))

    def __call__(self, text: str) -> str:
        for pattern, instead in self._rules:
            text = pattern.sub(instead, text)
        text = _IN_ADDRESS.sub("***", text)
        text = _TOKEN.sub("***", text)
        return _SECRET_LINE.sub(r"\1***", text)


def scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    """A JSON value with every text scrubbed. Of keys only paths are: the others are names and our own words."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrub(key) if key.startswith("/") else key: scrubbed(one, scrub) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrubbed(one, scrub) for one in value]
    return value
