"""``convfix report``: what doctor says, nobody's names, and nothing that a browser or a forum would run."""

import html.parser
import json
import re

import pytest

from tests.schemas import valid

HOSTILE = '</pre><script>alert(1)</script>\x1b[31m`````![x](http://example.invalid/x)<img src=x onerror=y>'
MACHINE = {
    "schema": "convfix-machine/1", "os": "linux", "distro": {"id": "ubuntu", "version": "22.04"}, "arch": "x86_64", "glibc": "2.35",
    "gpus": [{"name": HOSTILE, "pci_id": "10de:2206", "compute_capability": "8.6"}],
    "environment": {"kind": "venv", "python": "3.11.7", "packages": {"tensorflow": "2.15.1", "numpy": "2.0.2"}},
    "variables": {"HOME": "/home/alice", "LD_LIBRARY_PATH": "/home/alice/lib", "TF_CPP_MIN_LOG_LEVEL": HOSTILE},
}  # fmt: skip


@pytest.fixture
def machine(tmp_path):
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(MACHINE))
    return path


class Page(html.parser.HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.said = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.said.append(data)


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_it_says_what_doctor_says_and_names_nobody(convfix, machine, form):
    told = convfix("report", "--machine", machine, "--format", form, "--json")
    assert told.code == 0
    valid(told.data, "report")
    doctor = convfix("doctor", "--machine", machine, "--json").data["findings"]
    assert [one["code"] for one in told.data["document"]["findings"]] == [one["code"] for one in doctor]
    text = told.data["text"]
    assert "alice" not in text and "/home/user/lib" in text and "numpy" in text
    assert convfix("report", "--machine", machine, "--format", form).stdout == text


def test_the_page_runs_nothing_and_loads_nothing(convfix, machine):
    text = convfix("report", "--machine", machine, "--format", "html").stdout
    page = Page(text)
    assert set(page.tags) <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "dl", "dt", "dd", "small", "pre", "details", "summary"}
    assert not {"src", "href", "onerror"} & set(page.attributes) and "\x1b" not in text
    assert "<script>alert(1)" in "".join(page.said)


def test_markdown_is_text_wherever_it_comes_from_a_machine(convfix, machine):
    text = convfix("report", "--machine", machine).stdout
    assert "\x1b" not in text
    outside, fence = [], None
    for line in text.splitlines():
        mark = len(line) - len(line.lstrip("`"))
        if fence is None and mark >= 3:
            fence = mark
        elif fence is not None and line == "`" * fence:
            fence = None
        elif fence is None:
            outside.append(line)
    assert fence is None
    # What a backslash stands before is text.
    plain = [re.sub(r"\\.", "", line) for line in outside]
    assert not any(word in line for line in plain for word in ("<script", "](", "<img", "http://example.invalid/x)"))


def test_it_is_written_to_a_file_whole_or_not_at_all(convfix, machine, tmp_path):
    path = tmp_path / "report.md"
    told = convfix("report", "--machine", machine, "--out", path)
    assert told.code == 0 and path.read_text().startswith("# convfix report") and "Written to" in told.stdout
    assert convfix("report", "--machine", machine, "--out", tmp_path / "no" / "folder.md").code == 2


def test_this_machine_s_own_names_are_taken_out(convfix):
    told = convfix("report", "--json", env={"USER": "alice", "HOME": str(convfix.home)})
    assert told.code == 0 and str(convfix.home) not in told.stdout
