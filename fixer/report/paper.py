"""A page to write on: columns, paragraphs and marks, drawn by rich on one stream; it knows no command.

The unit is ``Paper``. Every string that a page hands over is cleaned here, so no page can forget it.
"""

from __future__ import annotations

import os
import shlex
from typing import IO, TYPE_CHECKING, Iterable, Sequence

from fixer.report.clean import clean, clean_lines

if TYPE_CHECKING:
    from rich.console import Console

_UNWRAPPED = 160


def tilde(path: str, home: str | None = None) -> str:
    """``path`` with the home folder written as ~, on a path boundary."""
    home = (os.environ.get("HOME", "") if home is None else home).rstrip("/")
    if home and (path == home or path.startswith(home + "/")):
        return "~" + path[len(home) :]
    return path


def shown_argv(argv: Sequence[str]) -> str:
    """A command as a person would type it in a POSIX shell; a leading ``~/`` is left to the shell to expand."""
    return " ".join(map(shown_word, argv))


def shown_word(word: str) -> str:
    """One word as a POSIX shell reads it."""
    return "~/" + shlex.quote(word[2:]) if word.startswith("~/") and len(word) > 2 else shlex.quote(word)


class Paper:
    """Where a page is drawn. ``verbose`` is how often -v was given."""

    def __init__(self, stream: IO[str], color: bool = False, verbose: int = 0) -> None:
        self._stream = stream
        self._color = color
        self.verbose = verbose
        self._begun = False
        self._made: Console | None = None

    @property
    def _console(self) -> Console:
        if self._made is None:
            from rich.console import Console

            self._made = Console(
                file=self._stream,
                force_terminal=self._color,
                no_color=not self._color,
                color_system="standard" if self._color else None,
                # A pipe or a file keeps long paths whole; a terminal wraps at its own width.
                width=None if self._stream.isatty() else _UNWRAPPED,
                highlight=False,
                markup=False,
                emoji=False,
                soft_wrap=not self._stream.isatty(),
            )
        return self._made

    def line(self, text: str = "", style: str = "", indent: int = 0) -> None:
        """One line, or one paragraph that the terminal wraps below its own indent."""
        from rich.padding import Padding
        from rich.text import Text

        self._begun = True
        said = Text(clean(text), style=style)
        if self._stream.isatty():
            self._console.print(Padding(said, (0, 0, 0, indent)))
        else:
            self._console.print(" " * indent + said.plain, style=style)

    def gap(self) -> None:
        """An empty line before what follows; none at the head of a page."""
        if self._begun:
            self.line()

    def lines(self, texts: Iterable[str], style: str = "", indent: int = 0) -> None:
        """Each text as a line of its own; line breaks inside a text are kept as lines."""
        for text in texts:
            for one in clean_lines(text) or ("",):
                self.line(one, style, indent)

    def columns(self, rows: Sequence[Sequence[str]], styles: Sequence[str] = (), indent: int = 0) -> None:
        """Rows in aligned columns, two spaces apart; the last but one column takes what width is left."""
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        if not rows:
            return
        self._begun = True
        table = Table.grid(padding=(0, 2), pad_edge=False)
        for _ in rows[0]:
            table.add_column(overflow="fold")
        for number, row in enumerate(rows):
            style = styles[number] if number < len(styles) else ""
            table.add_row(*(Text(clean(cell), style=style if place == len(row) - 1 else "") for place, cell in enumerate(row)))
        with self._console.capture() as drawn:
            self._console.print(Padding(table, (0, 0, 0, indent), expand=False))
        # The last column is filled up to its widest cell.
        self._stream.write("\n".join(one.rstrip(" ") for one in drawn.get().split("\n")))

    def diff(self, text: str, indent: int = 0) -> None:
        """A unified diff, added lines green and removed ones red."""
        for one in clean_lines(text):
            style = "green" if one.startswith("+") else "red" if one.startswith("-") else ""
            self.line(one, style, indent)

    def exact(self, text: str) -> None:
        """``text`` byte for byte where a program reads it; on a terminal with its control characters escaped."""
        self._stream.write(clean(text, keep="\n\t") if self._stream.isatty() else text)

    def error(self, message: str, hint: str = "") -> None:
        """One line that says what is wrong, and one that says what to do."""
        self._stream.write(f"convfix: {clean(message)}\n")
        if hint:
            self._stream.write(f"  {clean(hint)}\n")
