"""Rules about a running process: where it stands differently from what a fresh one, or the shell that asks, would get.

Which copies it has mapped is judged by the rules of the libraries, as any winner is; here is only what
only a process can show.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.say import fact, few, finding


def mapped_instead(case: Case) -> Iterator[Finding]:
    """The process has a cuDNN that TensorFlow's own search would not have found: something loaded it before."""
    process = case.facts.process.value
    if process is None:
        return
    for one in case.facts.resolutions.or_else(()):
        if one.library != "cudnn" or one.why != f"mapped by process {process.pid}" or not one.passed_over:
            continue
        expected = one.passed_over[0]
        yield finding(
            "cudnn-shadowed",
            "note",
            "proven",
            f"process {process.pid} has {one.path} loaded, where TensorFlow's own search leads to {expected[0]}",
            (
                fact("process.mapped", f"{one.path} {one.version or '(version unknown)'}", case.facts.process),
                fact(f"loader.{one.soname}", f"{expected[0]} {expected[1] or '(version unknown)'}", case.facts.resolutions),
            ),
            "Something imported earlier (torch, cupy) loaded its own copy: import tensorflow first, or give it an environment of its own.",
            code="process-loaded-another-copy",
            plan="ask",
            commands=(),
            subject={"winner": one.path or "", "right": expected[0], "sonames": one.soname},
        )


def process_is_older(case: Case) -> Iterator[Finding]:
    """Files that the process has mapped were replaced since: it still runs the old ones."""
    process = case.facts.process.value
    gone = [one.path for one in process.mapped if one.deleted] if process is not None else []
    if process is None or not gone:
        return
    yield finding(
        "env-not-inherited",
        "risks",
        "proven",
        f"process {process.pid} still runs libraries that were replaced or removed since: {few(gone)}",
        (fact("process.mapped", f"{gone[0]} (deleted)", case.facts.process),),
        "Start the process again (in a notebook: restart the kernel); only then it sees what is installed now.",
        code="process-older-than-its-files",
        commands=(),
    )


def env_not_inherited(case: Case) -> Iterator[Finding]:
    """The shell's LD_LIBRARY_PATH leads to a library that the process does not find."""
    process = case.facts.process.value
    if process is None or case.no_gpu:
        return
    lost = {one.soname: process.shell_reaches[one.soname] for one in case.facts.resolutions.or_else(())
            if one.path is None and one.soname in process.shell_reaches}  # fmt: skip
    if not lost:
        return
    yield finding(
        "env-not-inherited",
        case.gpu_severity,
        "proven",
        f"this shell finds {few(lost)}, and process {process.pid} was started without that setting",
        (
            *(fact(f"shell.{soname}", path, case.facts.process) for soname, path in list(lost.items())[:4]),
            fact("process.LD_LIBRARY_PATH", case.variables.get("LD_LIBRARY_PATH", "(not set)"), case.facts.variables),
        ),
        "Give the program that starts it the setting (a kernel's kernel.json env, a unit's Environment=, a job script), or put "
        "it into the environment: convfix plan does that for every launcher.",
        commands=(("convfix", "plan", "--python", process.interpreter),),
        subject={"sonames": ",".join(lost)},
    )
