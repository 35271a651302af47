"""Turns the chosen stack into actions: packages or a new environment, then the loader's repair beside it.

The unit is ``carry_out``: one search, its actions, and the way out where the search finds nothing (another
driver, the CPU). What the loader needs beside the packages is ``loader_repair``'s.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import Iterable

from fixer.model import installers
from fixer.model.finding import Finding
from fixer.planning import causes, conda, conda_install, explain, metal, owners, people, steps
from fixer.planning.candidates import Stack
from fixer.planning.draft import Draft
from fixer.planning.loader_repair import compiler_of_wheels, load_first
from fixer.planning.loading import Preload, preload
from fixer.planning.remedies import Demands, demands, twin, wrong_sonames
from fixer.planning.search import Search
from fixer.planning.situation import METAL, Situation


def carry_out(
    situation: Situation,
    draft: Draft,
    gpu: bool,
    demanded: Demands,
    findings: tuple[Finding, ...],
    wanting: tuple[str, ...],
) -> None:
    """Find the stack and add its actions; where there is none, say so and name the ways out."""
    # The same release under another name asks for the packages and the libraries that are there.
    anew = demanded.replace and not (gpu and twin(findings))
    libraries = gpu and (anew or any(one.cause in causes.LIBRARIES for one in findings))
    search = Search(situation, gpu, demanded.forced, with_libraries=libraries, renew=anew, metal=situation.metal)
    stack = search.first()
    because = tuple(one.code for one in findings) or tuple(f"wish: {name}" for name in wanting)
    if conda_install.instead(situation, draft, search, stack, because):
        return
    if stack is None and not search.needs and gpu:
        stack, search, demanded = _otherwise(situation, draft, search, demanded, libraries, findings)
    if stack is None and search.metal and situation.wish.device == "any" and METAL not in situation.wishes.packages:
        stack, search, demanded = _without_metal(situation, draft, search, demanded)
    draft.rejected += search.refusals.listed()
    if stack is None and search.needs:
        draft.need(*search.needs)
        draft.note(
            f"Which TensorFlow serves this machine depends on what is not known: {', '.join(search.needs)}. "
            "Name it in the machine file, or run convfix on the machine itself."
        )
        return
    if stack is None:
        draft.no_stack = True
        explain.ways_out(situation, draft, gpu_absent=False)
        conda_install.way_out(situation, draft)
        return
    draft.device = "gpu" if search.gpu else "metal" if search.metal else "cpu"
    draft.driver_floor = stack.verdict.driver
    if not search.gpu and gpu:
        if situation.of_old_api:
            draft.step(people.port_step(situation))
        for finding in findings:
            if finding.remedy.plan == "advise":
                draft.step(people.from_finding(finding))
    _install(situation, draft, search, stack, demanded, findings, because)
    explain.chosen(situation, draft, stack, search, by_wish="tensorflow" in wanting)
    if search.metal:
        metal.chosen(situation, draft, stack)
    conda_install.advice(situation, draft, stack)


def _otherwise(
    situation: Situation, draft: Draft, search: Search, demanded: Demands, libraries: bool, findings: tuple[Finding, ...]
) -> tuple[Stack | None, Search, Demands]:
    """No stack on the present driver: the least change with another driver, else the CPU where any device will do."""
    if situation.driver_version is not None:
        other = Search(
            situation, True, demanded.forced, with_libraries=libraries, renew=demanded.replace, any_driver=True
        )
        stack = other.first()
        if stack is not None:
            other.refusals.adopt(search.refusals)
            against = [one.text for one in other.refusals.withdraw(stack.row.version) if one.fact.startswith("driver")]
            why = f"No stack runs on driver {situation.driver_version}, which this machine has."
            why += f" TensorFlow {stack.row.version}: {against[0]}." if against else ""
            step, driver = people.driver_step(situation, stack.verdict.driver, why)
            draft.step(step)
            draft.driver = driver
            return stack, other, demanded
    if situation.wish.device == "any":
        # What the GPU asks of the packages, the CPU does not.
        plain = demands(situation, (one for one in findings if one.cause in causes.PACKAGES))
        cpu = Search(situation, False, plain.forced, renew=plain.replace)
        stack = cpu.first()
        if stack is not None:
            draft.note(f"No stack can use {situation.card_name} here (the refusals say why): this plan is for the CPU.")
            cpu.refusals.adopt(search.refusals)
            return stack, cpu, plain
    return None, search, demanded


def _without_metal(
    situation: Situation, draft: Draft, search: Search, demanded: Demands
) -> tuple[Stack | None, Search, Demands]:  # fmt: skip
    """The same without Apple's plugin, which stands beside none of the releases that are wished for."""
    without = replace(demanded, forced={n: s for n, s in demanded.forced.items() if n != METAL}, remove=(*demanded.remove, METAL))
    plain = Search(situation, False, without.forced, renew=without.replace)
    stack = plain.first()
    if stack is not None:
        metal.dropped(draft)
        plain.refusals.adopt(search.refusals)
    return stack, plain, without


def _install(
    situation: Situation, draft: Draft, search: Search, stack: Stack, demanded: Demands, findings: tuple[Finding, ...],
    because: tuple[str, ...],
) -> None:  # fmt: skip
    packages, remove = _changes(situation, search, stack, demanded)
    if situation.owner is not None and situation.environment is not None:
        _by_owner(situation, draft, stack, packages, remove, demanded, findings)
        return
    if not stack.here:
        told = conda.override(situation, _cuda(stack.libraries.conda))
        specs = stack.libraries.conda
        action = steps.new_environment(situation, stack.python, packages, stack.row, because, specs, told)
        draft.actions.append(action)
        if situation.os != "linux":
            return
        path = str(action.params["path"])
        site = posixpath.join(path, "lib", f"python{stack.python}", "site-packages")
        place = (installers.environment_python(path), path, site)
        first = preload(situation, stack.row, stack.libraries.pins, site, ()) if search.gpu else Preload()
        first = conda.preload(situation, stack.row, path) if specs else first
        by_conda = action.params["manager"] in installers.CONDA_MANAGERS
        load_first(situation, draft, first, place, because, conda=by_conda)
        compiler_of_wheels(situation, draft, stack, place, because, conda=by_conda)
        return
    _here(situation, draft, stack, packages, remove, demanded, because)
    if search.gpu and situation.os == "linux":
        kept = {n: v for n, v in situation.packages.items() if n.startswith("nvidia-") and n not in remove}
        after = {**kept, **stack.libraries.pins}
        wrong = wrong_sonames(one for one in findings if one.cause in causes.LOADER_ONLY)
        there = bool(stack.libraries.pins) or any(one.cause in causes.LIBRARIES for one in findings)
        first = preload(situation, stack.row, after, situation.site_packages, wrong) if there else Preload()
        first = conda.preload(situation, stack.row, situation.prefix) if stack.libraries.conda else first
        place = (situation.interpreter, situation.prefix, situation.site_packages)
        load_first(situation, draft, first, place, because, conda=situation.kind == "conda")
        compiler_of_wheels(situation, draft, stack, place, because, conda=situation.kind == "conda")


def _changes(
    situation: Situation, search: Search, stack: Stack, demanded: Demands
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What is installed (exact versions) and what is removed first."""
    packages = {**stack.packages, **stack.libraries.pins}
    if not stack.here:
        return {**packages, search.distribution: stack.row.version}, ()
    installed = situation.packages
    remove = [*demanded.remove, *(name for name in stack.libraries.remove if name not in demanded.remove)]
    others = [
        name
        for name in situation.distributions
        if name != search.distribution and not name.startswith("tensorflow-base")
    ]
    if installed.get(search.distribution) != stack.row.version or demanded.replace:
        packages[search.distribution] = stack.row.version
        remove += [name for name in others if name not in remove]
    packages = {n: v for n, v in packages.items() if installed.get(n) != v or n in remove}
    packages.update({n: v for n, v in {**demanded.complete, **demanded.reinstall}.items() if n not in packages})
    return packages, tuple(name for name in dict.fromkeys(remove) if name in installed)


def _here(
    situation: Situation, draft: Draft, stack: Stack, packages: dict[str, str], remove: tuple[str, ...],
    demanded: Demands,     because: tuple[str, ...],
) -> None:  # fmt: skip
    by_conda = {n: v for n, v in packages.items() if situation.installed_by_conda(n) and situation.conda is not None}
    rest = {n: v for n, v in packages.items() if n not in by_conda}
    if by_conda:
        draft.actions.append(steps.conda(situation, by_conda, because))
        draft.note(
            "conda installed some of these packages, so conda changes them; that is undone as well as conda can."
        )
    if stack.libraries.conda:
        specs = stack.libraries.conda
        draft.actions.append(steps.conda_specs(situation, specs, conda.override(situation, _cuda(specs)), because))
    if rest or remove:
        again = tuple(name for name in demanded.reinstall if name in rest)
        draft.actions.append(steps.pip(situation, rest, stack.row, because, remove, again))


def _cuda(specs: tuple[str, ...]) -> str | None:
    """The CUDA that conda's specifications bring."""
    return conda.versions(specs).get("cudatoolkit")


def _by_owner(
    situation: Situation, draft: Draft, stack: Stack, packages: dict[str, str], remove: tuple[str, ...],
    demanded: Demands, findings: Iterable[Finding],
) -> None:  # fmt: skip
    python = stack.python if not stack.here else None
    installed = situation.packages
    # What TensorFlow brings by itself is no line of the project's own.
    asked = {*installed, *demanded.forced, *demanded.complete, *situation.wishes.packages, stack.row.distribution, METAL}
    packages = {n: v for n, v in packages.items() if installed.get(n) != v and (n in asked or n.startswith("nvidia-"))}
    if packages or remove or python:
        why = "; ".join(one.title for one in findings)
        draft.step(owners.step(situation, stack, packages, demanded.forced, remove, why))
    draft.device = None
