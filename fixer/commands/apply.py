"""``convfix apply``: prove the plan, show it, ask (default no), carry it out, verify in a fresh process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from fixer import exit_codes
from fixer.commands import options, planned
from fixer.commands.options import Session
from fixer.commands.render import finish
from fixer.commands.talk import Talk, agreed
from fixer.errors import StalePlanError
from fixer.model.facts import Facts
from fixer.model.outcome import Outcome, Verification
from fixer.model.plan import Plan

if TYPE_CHECKING:
    from fixer.verify import Surroundings
    from fixer.verify.levels import Device


@click.command("apply")
@click.argument("saved", metavar="[PLAN]", required=False)
@options.patient
@options.wish
@options.means
@options.data
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Prove and show the plan; change nothing, even with --yes.")
@click.option("--no-input", is_flag=True, help="Never ask: without --yes, a question is an error.")
@options.offline
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Prove the plan, show it, ask, carry it out, verify."""
    session = options.session(**given)
    say = Talk(given["quiet"])
    if not given["dry_run"]:
        _recover(session, say)
    facts, plan = _plan(session, given["saved"])
    if not plan.actions:
        return finish(ctx, given, planned.with_dataset(session, _nothing_to_do(plan, facts)))
    plan = planned.prove(session, facts, plan, given["offline"], saved=given["saved"] is not None)
    _show(plan, given)
    if given["dry_run"]:
        return finish(ctx, given, planned.with_dataset(session, _shown(plan)))
    if not given["yes"] and not agreed(given["no_input"]):
        return finish(ctx, given, planned.with_dataset(session, _declined(plan)))
    return finish(ctx, given, planned.with_dataset(session, _carry_out(session, plan, say)))


def _recover(session: Session, say: Talk) -> None:
    from fixer.apply.state import State
    from fixer.apply.undo import recover

    recover(session.host, State.open(session.host), say)


def _plan(session: Session, saved: str | None) -> tuple[Facts, Plan]:
    from fixer.planning.fingerprint import changed, fingerprint

    if saved is None:
        return planned.make(session)
    plan = planned.read(saved)
    if session.python is None:
        session.python = plan.python
    facts = session.facts()
    if plan.dataset != session.dataset.version:
        raise StalePlanError(
            "stale-plan", f"{saved}: made with dataset {plan.dataset[:40]}, this is {session.dataset.version}", _AGAIN
        )
    different = changed(plan.fingerprint, fingerprint(facts))
    if different:
        raise StalePlanError("stale-plan", f"{saved}: the machine has changed since: {', '.join(different)}", _AGAIN)
    return facts, plan


_AGAIN = "make it anew: convfix plan --out FILE"


def _show(plan: Plan, given: dict[str, Any]) -> None:
    from fixer.report.paper import Paper
    from fixer.report.plan_page import steps
    from fixer.report.text import wants_color

    # -q spares talk; nobody is asked to agree to what they have not seen.
    if not given["quiet"] or not (given["yes"] or given["dry_run"]):
        steps(plan, Paper(sys.stderr, wants_color(given["color"], sys.stderr, os.environ), given["verbose"]))


def _carry_out(session: Session, plan: Plan, say: Talk) -> Outcome:
    from fixer.apply.state import State
    from fixer.apply.transaction import apply
    from fixer.report.run_pages import ApplyView
    from fixer.verify import verify

    ran = apply(plan, session.host, State.open(session.host), say)
    interpreter, enter = _entered(plan)
    verification = None
    if interpreter is not None and not _must_wait(plan):
        say("verifying by a DenseNet convolution in a fresh process")
        device: Device = "gpu" if plan.outcome is not None and plan.outcome.device == "gpu" else "cpu"
        around = _surroundings(session, plan)
        verification = verify(session.host, interpreter, "densenet", device, surroundings=around, timeout=session.timeout)
    code, said = _verdict(plan, verification)
    data = {
        "run": ran.run,
        "steps": ran.steps,
        "verification": verification,
        "human_steps": plan.human_steps,
        "journal": ran.journal,
    }
    return Outcome("apply", code, data, view=ApplyView(ran.run, ran.steps, verification, said, enter))


def _surroundings(session: Session, plan: Plan) -> Surroundings:
    """Where the proof runs: a new shell that sources the script where the plan made one, else the person's own variables."""
    from fixer.verify import activated, own

    for action in plan.actions:
        if action.kind == "activation_script":
            return activated(session.host, str(action.params["shell"]), str(action.params["path"]))
    return own(session.host)


def _entered(plan: Plan) -> tuple[str | None, str | None]:
    """The interpreter to verify, and how to enter it when the plan made a new environment."""
    from fixer.model import installers
    from fixer.report.paper import shown_argv

    for action in plan.actions:
        if action.kind == "new_environment":
            path = str(action.params["path"])
            words = installers.enter(str(action.params["manager"]), path)
            return os.path.join(path, "bin", "python"), f"Enter it with: {shown_argv(words)}"
    return plan.python, None


def _must_wait(plan: Plan) -> bool:
    """Whether only a person's step (a driver, a reboot) makes the wished device work."""
    return bool(plan.human_steps) and plan.outcome is not None and plan.outcome.device == "gpu"


def _verdict(plan: Plan, verification: Verification | None) -> tuple[int, str]:
    if verification is None:
        return (
            exit_codes.PERSON_ONLY,
            "Applied. The proof must wait for the steps that only a person can do; then run: convfix verify",
        )
    if not verification.passed:
        return exit_codes.KEPT_UNVERIFIED, "Applied and kept, but the verification failed."
    if plan.human_steps:
        return exit_codes.PERSON_ONLY, "Done and verified; what is left only a person can do."
    return exit_codes.HEALTHY, f"Done, and verified on the {verification.device.upper()}."


def _nothing_to_do(plan: Plan, facts: Facts) -> Outcome:
    from fixer.report.plan_page import PlanView

    return Outcome("apply", plan.exit_code, _without_a_run(plan), view=PlanView(plan, facts))


def _shown(plan: Plan) -> Outcome:
    from fixer.report.run_pages import ApplyView

    return Outcome("apply", plan.exit_code, _without_a_run(plan), view=ApplyView(None, (), None, "A dry run: nothing was changed."))


def _without_a_run(plan: Plan) -> dict[str, Any]:
    """What is told of a plan that was not carried out."""
    return {"run": None, "steps": [], "verification": None, "human_steps": plan.human_steps, "plan": planned.as_data(plan)}


def _declined(plan: Plan) -> Outcome:
    from fixer.report.run_pages import ApplyView

    data: dict[str, Any] = {"run": None, "steps": [], "verification": None, "human_steps": plan.human_steps}
    return Outcome("apply", exit_codes.PROBLEMS, data, view=ApplyView(None, (), None, "Nothing was changed."))
