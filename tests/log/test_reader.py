"""Whatever was pasted becomes the same lines: encodings, colours, line ends, broken bytes, notebooks, broken lines."""

from __future__ import annotations

import io
import json

import pytest

from fixer.log.line import Line
from fixer.log.reader import LONGEST, lines

TEXT = "first: Größe 5 GiB\nsecond\n\nfourth"
PLAIN = [Line(1, "first: Größe 5 GiB"), Line(2, "second"), Line(3, ""), Line(4, "fourth")]


def read(data: bytes) -> list[Line]:
    return list(lines(io.BytesIO(data).read))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_gives_the_same_lines(encoding: str) -> None:
    assert read(TEXT.encode(encoding)) == PLAIN


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known_by_its_zeros(encoding: str) -> None:
    assert read(TEXT.encode(encoding)) == PLAIN


def test_broken_bytes_are_replaced_and_nothing_else() -> None:
    assert read(b"a\xff\xfeb\nc") == [Line(1, "a\ufffd\ufffdb"), Line(2, "c")]


def test_a_character_may_be_cut_between_two_reads() -> None:
    data = io.BytesIO("Größe\n".encode() * 3)
    assert [line.text for line in lines(lambda size: data.read(min(size, 3)))] == ["Größe"] * 3


def test_line_ends_of_windows_and_of_progress_bars() -> None:
    made = read(b"one\r\n 1/3\r 2/3\r 3/3\r\ntwo\r\n")
    assert made == [Line(1, "one"), Line(2, " 1/3"), Line(2, " 2/3"), Line(2, " 3/3"), Line(3, "two")]


@pytest.mark.parametrize(
    "raw", ["\x1b[31mred\x1b[0m", "\x1b[1;38;5;196mred\x1b[m", "\x1b]0;title\x07red", "r\x08red", "\x9b31mred", "red\x1b[K", "\x1b(Bred"[3:]]
)
def test_colours_titles_and_overstriking_go(raw: str) -> None:
    assert [line.text for line in read(raw.encode())] == ["red"]


def test_a_line_without_an_end_comes_in_pieces() -> None:
    made = read(b"x" * (10 * LONGEST + 5))
    assert "".join(line.text for line in made) == "x" * (10 * LONGEST + 5)
    assert {line.number for line in made} == {1} and max(len(line.text) for line in made) <= LONGEST


def test_a_line_that_a_terminal_broke_is_one_line_again() -> None:
    message = "Loaded runtime CuDNN library: 8.0.5 but source was compiled with: 8.1.0.  CuDNN library needs to have matching major version"
    broken = "\n".join(message[start : start + 40] for start in range(0, len(message), 40))
    assert read(f"short\n{broken}\nlast".encode())[1].text == message


def test_full_lines_that_begin_anew_stay_apart() -> None:
    first = "2020-01-01 00:00:00.000000: E " + "a" * 49
    assert [line.text for line in read(f"{first}\n{first}\n".encode())] == [first, first]


def test_lines_that_are_all_of_one_length_stay_apart() -> None:
    line = "lorem ipsum dolor sit amet, consectetur adipiscing"
    assert read(f"{line}\n{line}\n{line}\n".encode()) == [Line(at, line) for at in (1, 2, 3)]


def test_a_message_that_is_said_twice_is_no_width() -> None:
    said = "E a.cc:1] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR"
    assert [line.text for line in read(f"{said}\n$ conda update --all\n{said}\n".encode())] == [said, "$ conda update --all", said]


@pytest.mark.parametrize(
    "before",
    ["2024-05-06T07:08:09.0123456Z ", "2024-05-06T07:08:09.012345678Z stderr F ", "2024-05-06T07:08:09Z ##[error]", "trainer-1  | ",
     "May 06 07:08:09 node17 python3[42]: ", "[   12.345678] ", "[Mon May  6 07:08:09 2024] ", "[1,0]<stderr>:", "[rank0]: ",
     "(train pid=42, ip=10.0.0.3) ", "(pid=42) ", "(f(train) pid=42) ", "[0]:", "[3] ", "[1]<stderr>:",
     "Mon Jan  6 10:00:00 2020[0]<stderr>:", "   0: ", "stderr: ", "0: ", "> ", "trainer-1  | 2024-05-06T07:08:09Z ", "# ", "// ", "- ", "  12: ", "E       ", "[stderr] "],
)  # fmt: skip
def test_what_a_service_puts_before_every_line_is_taken_off(before: str) -> None:
    made = read("".join(f"{before}{line}\n" for line in ("first", "NumPy 2.0.2", "third")).encode())
    assert made == [Line(1, "first"), Line(2, "NumPy 2.0.2"), Line(3, "third")]


def test_what_stands_before_few_lines_stays() -> None:
    text = "stderr: one\ntwo\nthree\n2024-05-06 07:08:09.012345: E tensorflow/a.cc:1] four"
    assert [line.text for line in read(text.encode())] == text.split("\n")


@pytest.mark.parametrize(
    ("pasted", "printed"),
    [
        ("Couldn&#39;t open &lt;x&gt; &amp; y", "Couldn't open <x> & y"),
        ("Can&amp;#39;t", "Can't"),
        ("<pre>line</pre><br/>", "line"),
        ("**CUDNN\\_STATUS\\_NOT\\_INITIALIZED**", "CUDNN_STATUS_NOT_INITIALIZED"),
        ("a\u00a0b\u2009c \uff08d\uff09 \u2026 e\u2011f g\u200bh", "a b c (d) ... e-f gh"),
    ],
)
def test_what_mark_up_made_of_characters_is_undone(pasted: str, printed: str) -> None:
    assert read(pasted.encode()) == [Line(1, printed)]


@pytest.mark.parametrize(
    "text",
    ["File C:\\tf\\python\\_pywrap.pyd", "in <module>, std::vector<int>", "a && b; c", "__init__", "x ** 2 ** 3", "&#1;&#27;&unknown;", "C:\\new\\net"],
)
def test_what_only_looks_like_mark_up_stays(text: str) -> None:
    assert [line.text for line in read(text.encode())] == [text]


def test_a_text_kept_as_one_string_is_its_lines() -> None:
    assert read(b'"first\\nsecond\\nthird"') == [Line(1, "first"), Line(1, "second"), Line(1, "third")]
    assert read(b'said: "first\\nsecond\\nthi') == [Line(1, 'said: "first'), Line(1, "second"), Line(1, "thi")]


@pytest.mark.parametrize(
    "kept",
    [
        json.dumps({"log": "it's \"x\"\n", "stream": "stderr", "time": "2024-05-06T07:08:09Z"}),
        json.dumps({"__REALTIME_TIMESTAMP": "17", "PRIORITY": "6", "MESSAGE": "it's \"x\"", "_PID": "42"}),
        json.dumps({"jsonPayload": {"message": "it's \"x\""}, "severity": "ERROR"}),
        json.dumps({"level": "error", "msg": "\x1b[31mit's \"x\"\x1b[0m"}) + ",",
        '  "it\'s \\u001b[31m\\"x\\"\\u001b[0m\\n",',
        '  "stderr": "it\'s \\"x\\"\\n",',
        repr(b"it's \"x\"\n"),
        repr(["it's \"x\""]),
        "2024-05-06T07:08:09.012345678Z stderr F " + json.dumps({"msg": "it's \"x\""}),
        "| it's \"x\" |",
        "| 1 | `it's \"x\"` |",
        '<div class="line">it&#39;s &quot;x&quot;</div>',
    ],
)
def test_what_kept_a_text_is_taken_away(kept: str) -> None:
    assert [line.text for line in read(kept.encode())] == ['it\'s "x"']


def test_several_texts_that_one_line_keeps_are_lines() -> None:
    record = json.dumps({"outputs": 1, "stdout": "one\ntwo\n", "stderr": ["three"]})
    assert read(record.encode()) == [Line(1, "one"), Line(1, "two"), Line(1, "three")]
    assert read(repr(["one", "it's", "two"]).encode()) == [Line(1, "one"), Line(1, "it's"), Line(1, "two")]
    assert read(b"<div><a>1</a> one</div><div>two</div>") == [Line(1, "1 one"), Line(1, "two")]


@pytest.mark.parametrize(
    "text",
    ['{"name": "numpy", "version": "1.26.4"}', '"Runtimes": "nvidia",', "{'loss': 0.1}", "[PhysicalDevice(name='/physical_device:GPU:0')]", "[]",
     '"C:\\new\\tools"', "('a', 1)", '{"log": ' + "[" * 3000 + "}", "| 0  A100 | 00:00.0 | 5MiB / 10MiB |", "| NVIDIA-SMI 384.130    Driver Version: 384.130     |", '{"message": 5}', "{"],
)  # fmt: skip
def test_what_keeps_no_text_stays(text: str) -> None:
    assert [line.text for line in read(text.encode())] == [text]


def test_what_a_record_hides_from_the_terminal_stays_away() -> None:
    kept = json.dumps({"log": "a\x1b]0;title\x07b\x07\x9b31mc\x00\u0085d"})
    assert [line.text for line in read(kept.encode())] == ["abcd"]
    assert [line.text for line in read(rb"'a\x1b[31mb\x07\n'")] == ["ab"]


def test_capitals_are_undone_where_there_is_nothing_else() -> None:
    assert read(b"MODULE 'NUMPY' HAS NO ATTRIBUTE 'OBJECT'") == [Line(1, "module 'numpy' has no attribute 'object'")]
    for text in ("CUDNN_STATUS_NOT_INITIALIZED", "NVIDIA_DRIVER_CAPABILITIES=0", "NVIDIA RTX A6000", "MODULE 'NUMPY' HAS NO ATTRIBUTE 'OBJECT'\nand more"):
        assert "\n".join(line.text for line in read(text.encode())) == text


def test_a_quotation_that_was_broken_is_whole_again() -> None:
    lines = ["> " + "x" * 78, "> " + "y" * 78, "> yes"]
    assert read("\n".join(lines).encode()) == [Line(1, "x" * 78 + "y" * 78 + "yes")]


def test_a_notebook_speaks_through_its_outputs_alone() -> None:
    cells = [
        {"cell_type": "code", "source": ["print('not said')"], "outputs": [
            {"output_type": "stream", "name": "stderr", "text": ["said one\n", "said two\n"]},
            {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["\x1b[31mTraceback\x1b[0m", "E: three"]},
            {"output_type": "execute_result", "data": {"text/plain": "[]"}},
        ]},
        {"cell_type": "markdown", "source": "CUDNN_STATUS_INTERNAL_ERROR"},
    ]  # fmt: skip
    made = [line.text for line in read(json.dumps({"cells": cells, "nbformat": 4}).encode())]
    assert made == ["said one", "said two", "Traceback", "E: three", "[]"]


@pytest.mark.parametrize("data", [b'{"cells": [', b'{"cells": 5, "nbformat": 4}', b'{"cells": [5]}', b'{"cells"' + b"[" * 5000])
def test_what_only_looks_like_a_notebook_is_text(data: bytes) -> None:
    assert "".join(line.text for line in read(data)) == data.decode()


def test_nothing_gives_nothing() -> None:
    assert read(b"") == [] and read(b"\n") == [Line(1, "")]
