"""Nothing from outside reaches a terminal raw."""

import io

import pytest

from fixer.report.clean import clean
from fixer.report.paper import Paper, shown_argv, tilde

HOSTILE = ["\x1b[2J", "\x1b]52;c;cm0gLXJm\x07", "\x9b31m", "a\u202eb", "x\ry", "a\x00b", "\u2028", "\ud800", "\u200b", "\x7f", "a\tb\nc"]


@pytest.mark.parametrize("text", HOSTILE)
def test_control_and_bidirectional_characters_become_visible_escapes(text):
    said = clean(text)
    assert said.isprintable() and said.isascii()
    assert clean(said) == said


def test_what_people_read_stays():
    assert clean("Größe 日本 🙂 ~/tf") == "Größe 日本 🙂 ~/tf"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_cleans_what_it_is_given(text):
    stream = io.StringIO()
    paper = Paper(stream)
    paper.line(text)
    paper.columns([(text, "b", text)])
    paper.lines([text])
    paper.diff(text)
    paper.error(text, text)
    written = stream.getvalue()
    assert all(char == "\n" or char.isprintable() for char in written), repr(written)


def test_the_home_folder_is_a_tilde_only_on_a_path_boundary():
    assert tilde("/home/ann/tf", "/home/ann") == "~/tf" and tilde("/home/anna/tf", "/home/ann") == "/home/anna/tf"
    assert tilde("/x", "") == "/x" and tilde("/x", "/") == "/x"


def test_a_command_is_shown_as_a_shell_reads_it():
    assert shown_argv(["uv", "pip", "install", "numpy<2", "a b"]) == "uv pip install 'numpy<2' 'a b'"
