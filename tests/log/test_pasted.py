"""What a mail, a viewer without colours, a wrong encoding and a word processor do to a text is undone, and nothing that looks like it."""

from __future__ import annotations

import io
import quopri

import pytest

from fixer.log.plain import plain
from fixer.log.reader import lines
from tests.log.heard import hear

LONG = "W tensorflow/core/dso_loader.cc:64] Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open"


def texts(data: bytes) -> list[str]:
    return [line.text for line in lines(io.BytesIO(data).read)]


def test_a_mail_is_read_as_it_was_written() -> None:
    assert texts(quopri.encodestring(f"BATCH_SIZE=0\n{LONG}\nend\n".encode())) == ["BATCH_SIZE=0", LONG, "end"]
    assert texts(b"Content-Transfer-Encoding: quoted-printable\n\na =E2=80=98b=E2=80=99 c=\nd\n")[2:] == ["a ‘b’ cd"]


@pytest.mark.parametrize("text", [
    "BATCH_SIZE=10", "batch=3D net, depth=4", "2 + 2 =\n4", "====", "export A=20 B=3D\nexport C=x", "loss=0.1 =",
])  # fmt: skip
def test_equals_signs_of_a_program_stay(text: str) -> None:
    assert texts(text.encode()) == text.split("\n")


def test_a_soft_end_without_a_rest_ends_a_mail() -> None:
    assert texts(b"a=3Db\n" + b"x" * 75 + b"=\n") == ["a=b", "x" * 75]
    assert len(texts(b"a=3Db\n" + (b"x" * 75 + b"=\n") * 3000)) > 40


@pytest.mark.parametrize(("text", "left"), [
    ("[31mfailed[0m", "failed"), ("[0m[1;33mW[0m one", "W one"), ("\ufffd[31m  two", "  two"), ("[38;5;160mE three", "E three"),
    ("←[31merror←[0m", "error"), ("ends here[m", "ends here"),
])  # fmt: skip
def test_what_is_left_of_a_colour_is_taken_off(text: str, left: str) -> None:
    assert plain(text) == left


@pytest.mark.parametrize("text", ["[31m 20s]", "[1m30s<2m10s, 3.2it/s]", "[0m12s]", "depth [5m] of", "rate[35m]", "[==>...] 3m"])
def test_times_in_brackets_stay(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(("text", "read"), [
    ("â€˜libcudnn.so.8â€™", "‘libcudnn.so.8’"), ("ΓÇÿxΓÇÖ", "‘x’"), ("ÔÇ£xÔÇØ", "“x”"), ("waitâ€¦", "wait..."), ("â, ã and Ô", "â, ã and Ô"),
    ("não é possível", "não é possível"),
])  # fmt: skip
def test_quotation_marks_in_a_wrong_encoding_are_read(text: str, read: str) -> None:
    assert plain(text) == read


def test_large_letters_at_every_word_say_the_same() -> None:
    said = "Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file"
    assert hear(said.title()).symptoms == hear(said).symptoms != set()
    # The words of a heading alone are no such text.
    assert texts(b"Failed To Get Convolution Algorithm") == ["Failed To Get Convolution Algorithm"]
