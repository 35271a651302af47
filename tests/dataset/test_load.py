"""Loading: damage in any place is one clear error that names the file; a question reads one block, not the file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixer.dataset.load import Files
from fixer.dataset.locate import VARIABLE, Folder, locate
from fixer.dataset.questions import Dataset
from fixer.errors import ConvfixError, UsageError
from fixer.harvest.write import write

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "compat_data"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def ask(folder: Path) -> None:
    Dataset.open(str(folder)).tensorflow_row("tensorflow", "2.15.1")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def test_every_flipped_byte_of_the_block_is_found(copy: Path) -> None:
    text = (copy / "tensorflow.json").read_bytes()
    flip(copy / "tensorflow.json", text.index(b'"2.15.1": [') + 40)
    with pytest.raises(ConvfixError, match=r"tensorflow\.json.*hash") as caught:
        ask(copy)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b'{"format": 1}', b'{"format": 99, "version": "1", "files": {}}', b'{"format": 1, "files": {}}',
     b'{"format": 1, "version": "1", "files": {}}', b'{"format": 1, "version": "1", "files": {"tensorflow.json": 3}}',
     b'{"format": 1, "version": "1", "files": {"tensorflow.json": {"sections": {"tensorflow": [["2", -5, 9, "x"]]}}}}',
     b'{"format": 1, "version": "1", "files": {"tensorflow.json": {"sections": {"tensorflow": [["2", 0, 99999999999, "x"]]}}}}',
     b'{"format": 1, "version": "1", "files": {"tensorflow.json": {"sections": {"tensorflow": [["2"]]}}}}',
     b'{"format": 1, "version": "1", "files": {"tensorflow.json": {"sections": {"tensorflow": 7}}}}',
     b"[" * 100_000, b"\xff\xfe\x00"],
)  # fmt: skip
def test_a_damaged_manifest_is_named(copy: Path, damage: bytes) -> None:
    (copy / "manifest.json").write_bytes(damage)
    with pytest.raises(ConvfixError, match="json"):
        ask(copy)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_file_cut_short_is_named(copy: Path, keep: int) -> None:
    (copy / "tensorflow.json").write_bytes((DATA / "tensorflow.json").read_bytes()[:keep])
    with pytest.raises(ConvfixError, match=r"tensorflow\.json"):
        ask(copy)


def test_a_missing_or_unreadable_file_is_named(copy: Path) -> None:
    (copy / "gpus.json").unlink()
    with pytest.raises(ConvfixError, match=r"gpus\.json"):
        Dataset.open(str(copy)).gpu("10de:2206")
    (copy / "gpus.json").mkdir()
    with pytest.raises(ConvfixError, match=r"gpus\.json"):
        Dataset.open(str(copy)).gpu("10de:2206")


def test_a_folder_without_a_dataset_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--data-dir"):
        locate(str(tmp_path))
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(UsageError, match=VARIABLE):
        locate()


def test_places_in_their_order(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert locate().bundled
    monkeypatch.setenv(VARIABLE, str(copy))
    assert locate() == Folder(str(copy), bundled=False)
    assert locate(str(DATA)) == Folder(str(DATA), bundled=False)


def test_a_well_hashed_row_of_the_wrong_shape_is_named(tmp_path: Path) -> None:
    """Someone else's dataset may be whole and still not be ours: no traceback then."""
    for bad in ({"pci_id": 5}, {"surprise": 1}, {"name": ["x"]}):
        row = {"pci_id": "10de:0001", "name": "x", "chip": "x", "compute_capability": None, **bad}
        write(tmp_path, {"gpus.json": ({"rows": {"10de:0001": [row]}, "families": {}, "names": {}}, "")}, "2026-01-01")
        with pytest.raises(ConvfixError, match=r"gpus\.json"):
            Dataset.open(str(tmp_path)).gpu("10de:0001")


def test_a_range_that_is_none_is_named(tmp_path: Path) -> None:
    row = {"versions": "about 8", "cuda_majors": [], "sonames": [], "compute_capabilities": []}
    write(tmp_path, {"cudnn.json": ({"rows": {"about 8": [row]}}, "")}, "2026-01-01")
    with pytest.raises(ConvfixError, match="about 8"):
        Dataset.open(str(tmp_path)).cudnn("8.1.0")


def test_one_question_reads_a_small_part(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, int]] = []
    part = Folder.part

    def counted(self: Folder, name: str, offset: int, length: int) -> bytes:
        data = part(self, name, offset, length)
        read.append((name, len(data)))
        return data

    monkeypatch.setattr(Folder, "part", counted)
    data = Dataset.open(str(DATA))
    data.tensorflow_row("tensorflow", "2.15.1")
    data.gpu("10de:2206")
    whole = sum((DATA / name).stat().st_size for name in ("tensorflow.json", "gpus.json"))
    assert sum(count for name, count in read if name != "manifest.json") < whole / 20
    before = len(read)
    data.tensorflow_row("tensorflow", "2.15.1")
    assert len(read) == before, "what was read is kept"


def test_ten_times_the_rows_cost_one_question_no_more_blocks(tmp_path: Path) -> None:
    def cost(count: int) -> int:
        folder = tmp_path / str(count)
        rows = {f"10de:{i:06x}": [{"pci_id": f"10de:{i:06x}", "name": f"card {i}", "chip": "x", "compute_capability": None}]
                for i in range(count)}  # fmt: skip
        write(folder, {"gpus.json": ({"rows": rows, "families": {}, "names": {}}, "")}, "2026-01-01")
        read: list[int] = []
        files = Files(Folder(str(folder), bundled=True))
        part = files.folder.part
        object.__setattr__(files.folder, "part", lambda *asked: read.append(asked[2]) or part(*asked))
        assert Dataset(files).gpu(f"10de:{count // 2:06x}") is not None
        return sum(read)

    assert cost(20_000) < 2 * cost(2_000)


keys = st.text(min_size=1, max_size=12).filter(lambda text: text == text.encode("utf-8", "ignore").decode())
values = st.none() | st.booleans() | st.integers() | st.text(max_size=20).filter(lambda t: t == t.encode("utf-8", "ignore").decode())
groups = st.dictionaries(keys, st.lists(st.dictionaries(keys, values, max_size=3), min_size=1, max_size=3), max_size=60)


@given(groups)
def test_what_is_written_is_read_back(rows: dict[str, list[dict[str, object]]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), {"x.json": ({"rows": rows}, "a note")}, "2026-01-01")
        files = Files(Folder(folder, bundled=True))
        assert {key: files.group("x.json", "rows", key) for key in rows} == rows
        assert dict(files.groups("x.json", "rows")) == rows
        assert files.group("x.json", "rows", "\0no such key") == rows.get("\0no such key", [])
        first = {name: (Path(folder) / name).read_bytes() for name in os.listdir(folder)}
        assert write(Path(folder), {"x.json": ({"rows": dict(reversed(rows.items()))}, "a note")}, "2026-01-01") == []
        assert first == {name: (Path(folder) / name).read_bytes() for name in os.listdir(folder)}
        json.loads(first["x.json"])


def test_the_same_folder_is_opened_once_until_its_manifest_is_another(copy: Path) -> None:
    """What others remember of a dataset is remembered by it: a second one would be remembered beside it."""
    first = Dataset.open(str(copy))
    assert Dataset.open(str(copy)) is first
    manifest = copy / "manifest.json"
    text = manifest.read_text().replace(first.version, "2099.1.1")
    manifest.with_name("new").write_text(text)
    manifest.with_name("new").replace(manifest)
    assert Dataset.open(str(copy)).version == "2099.1.1"
