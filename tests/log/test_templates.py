"""Every wording of the dataset finds itself, however it is broken, and no pattern can blow up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants, _parser  # type: ignore[attr-defined]

import pytest

from fixer.log.facts import STATED
from fixer.log.line import Line
from fixer.log.templates import Template, as_sought, squeeze
from tests.log.heard import dataset, matcher

SAMPLES = {"": "libx.so.1", "l": "libx.so.1", "v": "8.1.0", "n": "3", "q": "some words", "t": "text to the end", "w": "A_WORD"}
GAP = re.compile(r"\{(\.\.|[a-z_]{1,30}(?::[^{}]{1,200})?)\}")
WORDINGS = [(row, text) for row in dataset().symptoms() for text in row.templates]


def filled(text: str) -> str:
    """A line that the template ``text`` stands for."""

    def value(part: re.Match[str]) -> str:
        if part.group(1) == "..":
            return " "
        kind = part.group(1).partition(":")[2]
        return kind.split("|")[0] if "|" in kind else SAMPLES[kind]

    return GAP.sub(value, text)


# What only an output of a command states, by its whole line: outputs.py.
FROM_OUTPUTS = {"arch", "kernel", "glibc", "container", "distro", "toolkit", "cudnn"}


def found(*texts: str) -> set[str]:
    return {hit.symptom.id for hit in matcher().hits([Line(at + 1, text) for at, text in enumerate(texts)])[0]}


def noise_over(text: str) -> bool:
    """Whether a harmless line covers the whole of ``text``: what lies inside it is part of it."""
    hits, _ = matcher().hits([Line(1, text)])
    return any(hit.symptom.kind == "noise" for hit in hits)


def test_what_rows_state_is_taken_and_nothing_else_is_waited_for() -> None:
    stated = {fact for row in dataset().symptoms() for fact in row.states if not fact.startswith(("variables.", "package."))}
    assert stated | FROM_OUTPUTS == STATED


def test_every_wording_finds_its_symptom() -> None:
    missed = [
        (row.id, text)
        for row, text in WORDINGS
        if row.id not in found(f"2020-01-01 00:00:00.0: E a/b.cc:1] {filled(text)}") and not noise_over(filled(text))
    ]
    assert not missed


def test_every_wording_is_found_in_capitals_doubled_spaces_and_in_two_lines() -> None:
    missed = []
    for row, text in WORDINGS:
        line = filled(text)
        template = Template(text)
        shapes = [line.replace(" ", "  ")]
        words = line.split(" ")
        plain = "{" not in text
        if plain:
            half = len(line) // 2
            shapes += [line.upper(), "\n".join((" ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :]))).strip(),
                       f"{line[:half]}\n{line[half:]}"]  # fmt: skip
        missed += [(row.id, shape) for shape in shapes if not template.pattern.search(shape)]
    assert not missed


def test_a_colon_between_words_or_before_a_number_may_be_left_out() -> None:
    assert Template("Num GPUs Available: {count:n}").pattern.search("num gpus available 0")
    assert Template("Loaded library: but compiled with: {v:v}").pattern.search("Loaded library but compiled with 8.1.0")
    # Behind a value, and before a word of any kind, the colon is what tells where the value lies.
    assert not Template("nouveau {pci}: NVIDIA").pattern.search("nouveau -e nvidia NVIDIA")
    assert not Template("unknown device name: {name}").pattern.search("unknown device name here")


def test_every_anchor_stands_in_its_own_wording() -> None:
    for _, text in WORDINGS:
        assert Template(text).anchor in squeeze(filled(text)), text


def repeats(parsed: object, depth: int = 0) -> tuple[int, int]:
    """How deep repetitions of more than single characters nest, and the largest bound."""
    deepest, largest = depth, 0
    for op, argument in parsed:  # type: ignore[attr-defined]
        if op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            _, most, inner = argument
            single = len(inner) == 1 and inner[0][0] in (_constants.IN, _constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY)
            below = repeats(inner, depth + (not single and most > 1))
            deepest, largest = max(deepest, below[0]), max(largest, below[1], most)
        elif op is _constants.SUBPATTERN:
            below = repeats(argument[-1], depth)
            deepest, largest = max(deepest, below[0]), max(largest, below[1])
        elif op is _constants.BRANCH:
            for branch in argument[1]:
                below = repeats(branch, depth)
                deepest, largest = max(deepest, below[0]), max(largest, below[1])
    return deepest, largest


def test_no_repetition_nests_in_another_and_all_are_bounded() -> None:
    for row, text in WORDINGS:
        deepest, largest = repeats(_parser.parse(Template(text).pattern.pattern))
        assert deepest == 0 and largest <= 400, row.id
    assert repeats(_parser.parse("(?:ab*)+"))[0] == 1 and repeats(_parser.parse("a*"))[1] > 400


def classes(parsed: object, folded: bool) -> Iterator[bool]:
    """Of each class of characters of a pattern, whether compiling it takes a table of all characters instead of ASCII's."""
    for op, argument in parsed:  # type: ignore[attr-defined]
        if op is _constants.IN:
            held = [value for what, value in argument if what in (_constants.LITERAL, _constants.RANGE)]
            last = max((max(one) if isinstance(one, tuple) else one for one in held), default=0)
            letters = any(isinstance(one, tuple) and one[0] <= ord("s") <= one[1] for one in held)
            yield last > 0xFF or folded and letters
        elif op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            yield from classes(argument[2], folded)
        elif op is _constants.SUBPATTERN:
            yield from classes(argument[-1], folded and not argument[2] & re.IGNORECASE)
        elif op is _constants.ASSERT_NOT:
            yield from classes(argument[1], folded)
        elif op is _constants.BRANCH:
            for branch in argument[1]:
                yield from classes(branch, folded)


def test_no_class_of_characters_costs_more_than_ascii() -> None:
    """Between any two letters of a wording stands one: with those of boxes in it, compiling took most of explain's time."""
    for row, text in WORDINGS:
        found = list(classes(_parser.parse(Template(text).pattern.pattern), True))
        assert found and not any(found), row.id
    assert any(classes(_parser.parse("[a-z]"), True)) and any(classes(_parser.parse("[a\u2502]"), False))


def test_what_boxes_and_word_processors_put_between_is_passed_over() -> None:
    assert "library-not-loaded" in found("Could not load dynamic library ‘libcuda.so.1’")
    assert "cudnn-handle" in found("│ Could not create │", "│ cudnn handle │")


def test_a_value_ends_where_its_quotation_mark_closes() -> None:
    one = Template("Could not load dynamic library '{library:q}'; dlerror: {dlerror:t}")
    values = one.pattern.search(as_sought("could not load dynamic library ‘libcudnn.so.8’; dlerror: no such file\nnext"))
    assert values is not None and values.groupdict() == {"library": "libcudnn.so.8", "dlerror": "no such file"}


def test_an_empty_value_takes_nothing_of_the_next_line() -> None:
    values = Template('env: CUDA_VISIBLE_DEVICES="{value:q}"').pattern.search('env: CUDA_VISIBLE_DEVICES=""\nnext')
    assert values is not None and values.group("value") == ""


def test_a_status_is_not_the_longer_one_that_begins_so() -> None:
    assert "cudnn-internal-error" not in found("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED")
    assert "cuda-invalid-device" not in found("cudaErrorInvalidDeviceFunction: invalid device function")


@pytest.mark.parametrize("text", ["{a}", "abc", "a {b:v} c"])
def test_a_wording_without_a_rare_part_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at least"):
        Template(text)
