"""A wording of which a part is left is still heard: cut at its end, at its beginning, or in its middle; what is cut is not known."""

from __future__ import annotations

import io

import pytest

from fixer.log.line import Line
from fixer.log.parts import Parts, elisions
from fixer.log.reader import CUT_OFF, lines
from fixer.log.templates import Template
from tests.log.heard import dataset, hear, matcher

HEAD = "2020-01-01 00:00:00.0: E tensorflow/stream_executor/cuda/cuda_dnn.cc:329] "


def certain(log: str) -> dict[str, str]:
    return {cause.cause: cause.certainty for cause in hear(log).answer.causes}


def test_a_torn_last_line_names_what_it_may_have_been() -> None:
    heard = hear(HEAD + "Loaded runtime CuDNN library: 7.6.5 but source was comp")
    assert heard.symptoms == {"cudnn-loaded-compiled"}
    assert {"cudnn-too-old", "cudnn-too-new", "cudnn-shadowed"} == set(heard.causes)
    assert all(cause.certainty == "cannot-tell" for cause in heard.answer.causes)


def test_the_beginning_may_be_missing_in_the_middle_of_a_word() -> None:
    for dots in ("", "..."):
        log = f"hello\n{dots}ary was compiled to use AVX instructions, but these aren't available on your machine."
        assert certain(log) == {"cpu-without-avx": "likely"}


def test_a_whole_line_proves_what_its_part_does_not() -> None:
    whole = "ValueError: Memory growth cannot differ between GPU devices"
    assert certain(whole) == {"gpu-memory-setting-misused": "proven"}
    assert certain(whole[20:]) == {"gpu-memory-setting-misused": "likely"}


@pytest.mark.parametrize("end", ["...", " ...", "\u2026", " [...]"])
def test_a_value_beside_dots_is_not_known(end: str) -> None:
    (hit,) = (one for one in hear(f"Loaded runtime CuDNN library: 7.6.5 but source was compiled with: 8.1{end}").hits if one.part)
    assert hit.values == {"loaded": "7.6.5"}


def test_of_a_cut_file_name_the_part_before_its_version_is_known() -> None:
    (hit,) = (one for one in hear("Could not load dynamic library 'libcudnn.so.8...").hits if one.symptom.id == "library-not-loaded")
    assert hit.values["library"] == "libcudnn.so" and hit.part
    assert "cudnn-missing" in certain("Could not load dynamic library 'libcudnn.so.8...")


def test_what_was_cut_off_at_one_column_is_marked_and_not_joined() -> None:
    texts = [f"{HEAD}{words}"[:100] for words in ("failed call to cuInit: CUDA_ERROR_NO_DEVICE", "Loaded runtime CuDNN library: 7.6.5 but", "x" * 60)]
    made = list(lines(io.BytesIO("\n".join([*texts, "2020-01-01 00:00:00.0: short"]).encode()).read))
    assert [line.text for line in made if line.text != CUT_OFF] == [*texts, "2020-01-01 00:00:00.0: short"]
    assert [line.torn for line in made] == [True, False, True, True, False]
    # The reader says it once, behind the first of them.
    assert (made[1].number, made[1].text) == (1, CUT_OFF)


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        ("x" * 30 + HEAD + "y" * 80, False),
        ((HEAD + "Loaded runtime CuDNN library: 7.6.5 but source was compiled")[:80], True),
        ((HEAD + "Loaded runtime")[:80] + "\n  a traceback's line", True),
        ((HEAD + "Loaded runtime CuDNN library")[:80] + "\nlibrary: 7.6.5 but source", False),
        ("=" * 80 + "\nTraceback (most recent call last):", False),
        ((HEAD + "Loaded runtime CuDNN library")[:77], False),
    ],
)
def test_one_line_as_wide_as_a_window_that_nothing_continues_was_cut(text: str, is_cut: bool) -> None:
    made = list(lines(io.BytesIO(text.encode()).read))
    assert any(line.edge for line in made) is is_cut is (CUT_OFF in [line.text for line in made])
    assert not any(line.torn for line in made)


def test_where_lines_were_cut_off_nothing_is_guessed_nor_called_harmless() -> None:
    machine = {"os": "Linux", "install_method": "docker"}
    words = "2018-12-31 16:49:38.667433: F tensorflow/core/platform/some_file_of_its_own.cc:37] says what nobody knows"
    heard = hear(words, machine).answer.causes
    assert "container-without-gpu" in [one.cause for one in heard] and {one.certainty for one in heard} == {"cannot-tell"}
    assert hear(words[:80], machine).causes == []
    noise = "Using TensorFlow backend.\n"
    assert [(one.cause, one.certainty) for one in hear(noise + words[:80]).answer.causes] == [("benign-noise", "cannot-tell")]


def test_a_shared_line_is_not_likely_one_cause_where_lines_were_cut_off() -> None:
    said = "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file"
    machine = {"os": "Windows 10", "gpu": "RTX 3090", "install_method": "docker desktop, WSL2"}
    assert "likely" not in [one.certainty for one in hear(said[:80], machine).answer.causes]
    torch = "17:22:50-122539 ERROR    Could not load torch: cuDNN version incompatibility: PyTorch was compiled"
    assert [one.certainty for one in hear(torch[:80]).answer.causes] == ["cannot-tell", "cannot-tell"]


def test_a_name_of_which_little_is_left_may_be_any() -> None:
    assert hear("failed call to cuInit: CUDA_ERROR_N").symptoms == {"cuda-cuinit-failed"}
    assert hear("failed call to cuInit: CUDA_ERROR_NO_DEV").symptoms == {"cuda-cuinit-failed", "cuda-no-device"}


def test_the_name_of_a_program_at_the_log_s_beginning_is_no_end_of_a_sentence() -> None:
    assert "container-no-runtime" not in hear("nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1").symptoms


def test_a_whole_line_leaves_nothing_for_its_own_beginning_to_say() -> None:
    whole = "Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file"
    assert not [hit for hit in hear(whole).hits if hit.part]


def test_dots_stand_for_words_with_the_brackets_around_them() -> None:
    assert list(elisions("a [...] b.... c")) == [(1, 8), (9, 14)]
    assert list(elisions("...")) == [(0, 3)]


def test_every_long_wording_is_heard_when_its_last_word_breaks_off() -> None:
    """By itself, or by a shorter one that stands in it and was said whichever it was."""
    deaf, tried = [], 0
    for row in dataset().symptoms():
        for text in row.templates if row.kind in ("error", "headline") else ():
            if "{" in text or len(text) < 40 or not text[-4:].isalpha():
                continue
            tried += 1
            hits, _ = matcher().hits([Line(1, "E a.cc:1] " + text[:-1])])
            if not any(hit.symptom.kind in ("error", "headline", "noise") for hit in hits):
                deaf.append((row.id, text))
    assert not deaf and tried > 80


def test_a_wording_of_few_fixed_characters_is_not_sought_by_a_part() -> None:
    row = dataset().symptoms()[0]
    assert Parts([(row, Template("abcd {x:v}"))]).before("E a.cc:1] abcd", 14, True) == []
