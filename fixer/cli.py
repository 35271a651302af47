"""The command line: parses, runs one verb, renders its Outcome once, exits with the contract's code.

It imports click and nothing heavy: each verb is imported when it is called. Every way out of a verb
(an answer, a foreseen error, Ctrl-C, a bug) ends here as one page or one JSON document.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib
import io
import os
import signal
import sys
from typing import Any, NoReturn

import click

from fixer import __version__, exit_codes
from fixer.errors import ConvfixError, Terminated
from fixer.model.outcome import ErrorNote, Outcome

# Explicit and greppable: the verb, its module below fixer.commands, and its help line.
VERBS = {
    "doctor": ("doctor", "Look, reason, name one primary cause."),
    "facts": ("facts", "Print what is observed, as a machine file."),
    "plan": ("plan", "Doctor, and the smallest repair that works."),
    "apply": ("apply", "Prove the plan, show it, ask, carry it out, verify."),
    "verify": ("verify", "Prove by a real DenseNet convolution that it works."),
    "undo": ("undo", "Take an applied run back; finish an interrupted one."),
    "history": ("history", "List the journal's runs."),
    "explain": ("explain", "Name the causes behind a pasted log."),
    "activate": ("activate", "Print the environment's activation script."),
    "why-not": ("why_not", "Say why a stack is not chosen, each reason with its data row."),
    "report": ("report", "A page or Markdown to attach to a bug report, redacted."),
    "data": ("data", "Show, check and renew the compatibility dataset."),
}


_LONGEST = 2000


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"fixer.commands.{VERBS[name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The help needs no verb's module.
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="convfix")
def root() -> None:
    """Find out why TensorFlow sees no GPU, repair it, prove it, and take it back."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Run convfix with ``argv`` (default: the process's own) and exit."""
    try:
        code = _answered(sys.argv[1:] if argv is None else argv)
        # From here on a signal ends the process as it ends any other.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    except KeyboardInterrupt as signalled:
        code = exit_codes.TERMINATED if isinstance(signalled, Terminated) else exit_codes.INTERRUPTED
    sys.exit(code)


def _answered(arguments: list[str]) -> int:
    """Run the verb and write its result; its exit code. Raises KeyboardInterrupt where a signal comes outside of the verb."""
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        # ``__main__`` set it so while modules were imported: from here on Ctrl-C is answered in our own words.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A run makes few cycles and ends soon: at the usual threshold the collector takes a tenth of a doctor's time.
    gc.set_threshold(100_000)
    from fixer.report import streams

    streams.prepare()
    style = _Style(arguments)
    outcome = _run(arguments, style)
    if outcome is not None and not outcome.written:
        style.render(outcome)
    return _delivered(exit_codes.HEALTHY if outcome is None else outcome.exit_code)


def _delivered(code: int) -> int:
    """``code``, or a stronger one where the result could not be written; a reader who left has what was wanted."""
    from fixer.report import streams

    sys.stdout.flush()
    lost = streams.lost(sys.stdout)
    if lost is None or isinstance(lost, BrokenPipeError):
        return code
    sys.stderr.write(f"convfix: the result could not be written to stdout: {lost.strerror}\n")
    return exit_codes.strongest((code, exit_codes.USAGE))


def _terminated(number: int, frame: Any) -> NoReturn:
    raise Terminated


class _Style:
    """How results are written. Read from the bare arguments, since a usage error must obey ``--json`` too."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        given = arguments[: arguments.index("--")] if "--" in arguments else arguments
        self.as_json = "--json" in given
        self.asks = not {"-h", "--help", "--version"}.isdisjoint(given)
        self.options: dict[str, Any] = {"color": "auto", "verbose": 0, "quiet": False}

    @property
    def command(self) -> str:
        words = [word for word in self.arguments if not word.startswith("-")]
        if words[:1] == ["data"]:
            return " ".join(words[:2])
        return words[0] if words and words[0] in VERBS else ""

    def render(self, outcome: Outcome) -> None:
        if self.as_json:
            from fixer.report.as_json import dumps

            # Who asked the dataset nothing is told its version all the same: the envelope is one for all.
            named = outcome if outcome.dataset else dataclasses.replace(outcome, dataset=_dataset_version())
            sys.stdout.write(dumps(named) + "\n")
        else:
            from fixer.report import text

            color = text.wants_color(self.options["color"], sys.stdout, os.environ)
            text.render(outcome, sys.stdout, sys.stderr, color, self.options["verbose"], self.options["quiet"])


def _run(arguments: list[str], style: _Style) -> Outcome | None:
    try:
        return _explained(arguments, style) if style.as_json and style.asks else _ran(arguments, style)
    except click.exceptions.NoArgsIsHelpError as error:
        return _failed(style, exit_codes.USAGE, "usage", "a command is missing", error.format_message())
    except click.ClickException as error:
        return _failed(style, exit_codes.USAGE, "usage", _one_line(error.format_message()), _help_hint(error))
    except ConvfixError as error:
        return _failed(style, error.exit_code, error.code, error.message, error.hint)
    except Terminated:
        return _failed(style, exit_codes.TERMINATED, "terminated", "terminated", "")
    except (KeyboardInterrupt, click.Abort) as error:
        # click makes an Abort of every KeyboardInterrupt, and Terminated is one.
        if isinstance(error.__cause__, Terminated):
            return _failed(style, exit_codes.TERMINATED, "terminated", "terminated", "")
        return _failed(style, exit_codes.INTERRUPTED, "interrupted", "interrupted", "")
    except Exception as error:  # noqa: BLE001 - the command boundary: a bug becomes one line and a file
        from fixer.report import bug

        path = bug.write(error, arguments)
        return _failed(style, exit_codes.BUG, "bug", f"a bug in convfix: {type(error).__name__}", f"please attach {path}")


def _ran(arguments: list[str], style: _Style) -> Outcome | None:
    made = root.main(args=arguments, prog_name="convfix", standalone_mode=False, obj=style.options)
    return made if isinstance(made, Outcome) else None


def _explained(arguments: list[str], style: _Style) -> Outcome:
    """Help or version under ``--json``: one document too, whose ``data.text`` is what would be shown."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        made = _ran([word for word in arguments if word != "--json"], style)
    return made if made is not None else Outcome("", exit_codes.HEALTHY, {"text": shown.getvalue()})


def _failed(style: _Style, code: int, name: str, message: str, hint: str) -> Outcome:
    note = ErrorNote(name, _short(message), _short(hint))
    return Outcome(style.command, code, errors=(note,), dataset=_dataset_version())


def _dataset_version() -> str:
    try:
        from fixer.dataset.questions import Dataset

        return Dataset.open(None).version
    except (ConvfixError, OSError):
        return ""


def _short(text: str) -> str:
    """An error is one line that a person can read, whatever was given as a name: the middle of a longer one goes."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST * 3 // 4]} ... {text[-_LONGEST // 4 :]}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _help_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"see: {context.command_path} --help" if context is not None else "see: convfix --help"
