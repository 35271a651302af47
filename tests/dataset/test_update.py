"""``data update`` against an index on this machine: a made-up newer TensorFlow, hostile answers, damage, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixer.dataset.cache import Cache
from fixer.dataset.load import Files
from fixer.dataset.locate import Folder
from fixer.dataset.meaning import violations
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.harvest import update as renew
from fixer.harvest.configuration import Configuration
from fixer.harvest.errors import HarvestError, Unreachable
from fixer.harvest.index import Index
from fixer.harvest.update import Update
from fixer.harvest.write import as_it_is, write
from fixer.planning.faults import refusal
from fixer.rules.causes import CAUSES
from tests.conftest import Runner, launch
from tests.dataset.wheel_index import Server, serving, shared_library, wheel
from tests.schemas import valid

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "compat_data"
BUNDLE = json.loads((DATA / "manifest.json").read_text())["version"]
TINY, DAY = "2026.01.01", "2026-12-01"
NAME = "tensorflow-2.99.0-cp312-cp312-manylinux_2_27_x86_64.whl"
MAC = "tensorflow-2.99.0-cp312-cp312-macosx_12_0_arm64.whl"
METADATA = """Metadata-Version: 2.1
Name: tensorflow
Version: 2.99.0
Requires-Dist: numpy<3,>=2.1
Requires-Dist: nvidia-cudnn-cu12<10,>=9.3; extra == "and-cuda"

"""
INFO = (
    "import collections\nbuild_info = collections.OrderedDict([('cuda_version', '{cuda}'), ('cudnn_version', '9'), "
    "('is_cuda_build', {is_cuda}), ('cuda_compute_capabilities', ['sm_80', 'sm_120', 'compute_120'])])\n"
)
OPENER = "tensorflow/libtensorflow_framework.so.2"


@pytest.fixture(scope="module")
def opener(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = "$ORIGIN:$ORIGIN/../nvidia/cudnn/lib:$ORIGIN/../nvidia/cublas/lib"
    return shared_library(tmp_path_factory.mktemp("opener"), f"-Wl,-rpath,{path}", "-Wl,--enable-new-dtags")


def made(folder: Path, opener: bytes, cuda: str = "12.5.1", is_cuda: str = "True", name: str = NAME) -> bytes:
    members = {
        OPENER: opener,
        "filler.bin": bytes(range(256)) * 10_000,
        "tensorflow/python/platform/build_info.py": INFO.format(cuda=cuda, is_cuda=is_cuda).encode(),
        f"{'-'.join(name.split('-')[:2])}.dist-info/METADATA": METADATA.encode(),
    }
    folder.mkdir(exist_ok=True)
    return wheel(folder / name, members)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A bundle of a few releases: what is true of the whole one is soon said of it."""
    folder = tmp_path_factory.mktemp("tiny")
    files = {path.name: as_it_is(path) for path in DATA.glob("*.json") if path.name != "manifest.json"}
    for name in ("known_faults.json", "package_faults.json"):
        files[name] = {"rows": {}}, ""
    every = files["tensorflow.json"][0]
    few = {key: [{**row, "known_faults": []} for row in every["tensorflow"][key]] for key in ("2.20.0", "2.21.0")}
    files["tensorflow.json"] = {"tensorflow": few, "tensorflow-gpu": {}, "tensorflow-cpu": {}}, ""
    files["packages.json"] = {"rows": {"keras": files["packages.json"][0]["rows"]["keras"][:1]}}, ""
    files["gpus.json"] = {"rows": {}, "families": files["gpus.json"][0]["families"], "names": {}}, ""
    write(folder, files, "2026-01-01")
    return Folder(str(folder), bundled=True)


@dataclass(frozen=True)
class Home:
    """A user with that bundle and a cache of their own."""

    bundle: Folder
    folder: Path

    @property
    def held(self) -> Cache:
        return Cache(str(self.folder / "dataset"))

    def update(self, server: Server, **how: Any) -> Update:
        index = Index(self.folder / "index", Configuration(server.address + "/", **how), timeout=30)
        return renew.update(self.held, self.bundle, index, DAY, lambda made: violations(made, CAUSES, refusal), lambda text: None)

    def dataset(self) -> Dataset:
        path = self.held.current("manifest.json", lambda: self.bundle.read("manifest.json"))
        return Dataset(Files(self.bundle if path is None else Folder(path, bundled=False)))

    def shown(self) -> tuple[TensorFlowRow, ...]:
        return self.dataset().tensorflow("tensorflow", "2.99.0")

    def state(self) -> dict[str, bytes]:
        folder = Path(self.held.folder)
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def home(tiny: Folder, tmp_path: Path) -> Home:
    return Home(tiny, tmp_path / "cache")


@pytest.fixture
def index() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def stocked(index: Server, opener: bytes, tmp_path: Path) -> Server:
    index.files[NAME] = made(tmp_path / "wheels", opener)
    index.files[MAC] = made(tmp_path / "wheels", opener, is_cuda="False", name=MAC)
    index.files["keras-99.1.0-py3-none-any.whl"] = wheel(
        tmp_path / "keras.whl", {"keras-99.1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: keras\nVersion: 99.1.0\n\n"}
    )
    return index


def settings(server: Server, **more: str) -> dict[str, str]:
    return {"UV_DEFAULT_INDEX": server.address, **more}


def cached(convfix: Runner) -> Path:
    return convfix.home / ".cache" / "convfix" / "dataset"


@pytest.mark.parametrize(("ranges", "kind"), [(True, "json"), (False, "html"), (False, "json"), (True, "html")])
def test_a_newer_release_is_read(home: Home, stocked: Server, ranges: bool, kind: str) -> None:
    stocked.ranges, stocked.kind = ranges, kind
    done = home.update(stocked)
    assert done.added == (("keras", "99.1.0"), ("tensorflow", "2.99.0")) and done.left_out == ()
    assert done.changed and done.version == f"{TINY}+20261201" == home.dataset().version
    rows = {row.platform: row for row in home.shown()}
    row = rows["linux_x86_64"]
    assert (row.cuda, row.cudnn_major, row.is_cuda_build, row.python, row.glibc) == ("12.5", 9, True, ("3.12",), "2.27")
    assert set(row.compute_capabilities) == {"8.0", "12.0"} and row.ptx == ("12.0",)
    assert (row.search_kind, row.search_path) == ("RUNPATH", ("cudnn", "cublas"))
    assert "libcudnn.so.9" in row.sonames and any("2.21.0" in text and "sonames" in text for text in row.sources)
    assert row.extras == {"and-cuda": {"nvidia-cudnn-cu12": "<10,>=9.3"}}
    assert rows["macosx_arm64"].is_cuda_build is False
    assert home.dataset().releases("keras")[0].version == "99.1.0"
    if ranges and kind == "json":  # an HTML page tells no size, which a HEAD asks for
        assert all(asked for path, asked in stocked.requests if path.endswith(NAME)), "the wheel came whole"


def test_a_second_update_adds_to_the_first(home: Home, stocked: Server, opener: bytes, tmp_path: Path) -> None:
    first = home.update(stocked)
    stocked.requests.clear()
    again = home.update(stocked)
    assert not again.changed and again.path == first.path
    assert [path for path, _ in stocked.requests if path.startswith("/files/")] == [], "what is known is not read again"
    newer = NAME.replace("2.99.0", "2.99.1")
    stocked.files[newer] = made(tmp_path / "wheels", opener, name=newer)
    assert home.update(stocked).added == (("tensorflow", "2.99.1"),)
    assert home.shown() and len(os.listdir(home.held.folder)) == 3, "one dataset, the pointer and the lock"


def longer_than_promised(data: bytes) -> bytes:
    """The wheel with a directory that promises a build_info of ten bytes."""
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"build_info.py"))
    return data[: at + 24] + (10).to_bytes(4, "little") + data[at + 28 :]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: b"<html>this is no wheel</html>" + b" " * (len(data) - 29), "it is no wheel"),
        (lambda data: data.replace(b"PK\x05\x06", b"PK\x00\x00"), "it is no wheel"),
        (lambda data: data[: len(data) // 2], "bytes, got"),
        (lambda data: b"", "bytes, got"),
        (longer_than_promised, "more than the directory says"),
    ],
)
def test_a_wheel_that_lies_is_left_out(home: Home, stocked: Server, spoil: Any, why: str, ranges: bool) -> None:
    stocked.ranges = ranges
    stocked.sent[NAME] = spoil(stocked.files[NAME])
    done = home.update(stocked)
    (left,) = done.left_out
    assert (left.distribution, left.version) == ("tensorflow", "2.99.0")
    assert (why if ranges else "does not match its hash") in left.reason
    assert done.added == (("keras", "99.1.0"),), "the rest stands"
    assert home.shown() == ()


@pytest.mark.parametrize(
    ("cuda", "is_cuda", "why"),
    [("44.1", "True", "CUDA 44.1 has no row"), ("12.5", "'yes'", "true or false"), ("12.5.1", "[" * 5000, "cannot be read")],
)
def test_a_build_that_does_not_fit_the_dataset_is_left_out(
    home: Home, index: Server, opener: bytes, tmp_path: Path, cuda: str, is_cuda: str, why: str
) -> None:
    index.files[NAME] = made(tmp_path / "wheels", opener, cuda, is_cuda)
    done = home.update(index)
    assert not done.changed and done.version == TINY and done.path == home.bundle.path
    assert why in done.left_out[0].reason
    assert home.shown() == ()


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (b"{", "is not JSON"), (b"[" * 200_000, "is not JSON"), (b'{"files": 7}', "lists no files"),
        (b'{"files": [7]}', r"files\[0\]: expected"),
        (b'{"files": [{"filename": "tensorflow-3.0-py3-none-any.whl", "url": "http://[bad"}]}', "expected an address"),
        (json.dumps({"files": [{"filename": f"tensorflow-3.{n}-py3-none-any.whl", "url": "x"} for n in range(2000)]}).encode(),
         "lists 2000 new releases"),
    ],
)  # fmt: skip
def test_a_page_that_lies_ends_the_update(home: Home, stocked: Server, page: bytes, why: str) -> None:
    home.update(stocked)
    before = home.state()
    stocked.pages["tensorflow"] = page, "application/vnd.pypi.simple.v1+json"
    with pytest.raises(HarvestError, match=why):
        home.update(stocked)
    assert home.state() == before


def test_an_endless_page_ends(home: Home, stocked: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from fixer.harvest import index as module

    monkeypatch.setattr(module, "LARGEST_PAGE", 1000)
    stocked.pages["tensorflow"] = b"x" * 10_000_000, "text/html"
    client = Index(home.folder, Configuration(stocked.address + "/"))
    with pytest.raises(HarvestError, match="longer than 1000 bytes"):
        client.project("tensorflow")
    assert client.fetched < 100_000


def test_an_index_that_does_not_answer_leaves_the_data(home: Home, stocked: Server) -> None:
    home.update(stocked)
    before = home.state()
    stocked.status = 503
    with pytest.raises(Unreachable, match="503"):
        home.update(stocked)
    with pytest.raises(Unreachable, match="through the proxy"):
        home.update(stocked, proxy="http://127.0.0.1:9")
    assert home.state() == before


@pytest.mark.parametrize("victim", ["tensorflow.json", "manifest.json", "current", "drivers.json"])
def test_a_damaged_update_is_no_base_for_the_next(home: Home, stocked: Server, victim: str) -> None:
    path = Path(home.held.folder if victim == "current" else home.update(stocked).path, victim)
    if victim == "current":
        home.update(stocked)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(bytes(data))
    again = home.update(stocked)
    assert again.changed and home.shown()
    assert path.read_bytes() != bytes(data)


def test_an_update_made_for_another_bundle_is_not_used(tmp_path: Path) -> None:
    held = Cache(str(tmp_path / "cache"))
    with held.locked(), held.making() as work:
        Path(work, "manifest.json").write_bytes(b"{}")
        path = held.install(work, "manifest.json", b"bundle one")
    assert held.current("manifest.json", lambda: b"bundle one") == path
    assert held.current("manifest.json", lambda: b"bundle two") is None
    os.chmod(held.folder, 0o777)
    assert held.current("manifest.json", lambda: b"bundle one") is None, "others could have written it"


def test_what_a_killed_update_left_is_swept(home: Home, stocked: Server) -> None:
    left = Path(home.held.folder) / ".new-abc"
    left.mkdir(parents=True, mode=0o700)
    (left / "tensorflow.json").write_text("half")
    os.chmod(home.held.folder, 0o700)
    home.update(stocked)
    assert not left.exists() and home.shown()


def test_credentials_reach_the_index_alone(home: Home, stocked: Server) -> None:
    stocked.login = "me:se%cret"
    with serving() as files:
        files.files = stocked.files
        page = {"files": [{"filename": NAME, "url": f"http://127.0.0.1:{files.server_address[1]}/files/{NAME}", "size": len(files.files[NAME])}]}
        stocked.pages["tensorflow"] = json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json"
        assert home.update(stocked, login=("me", "se%cret")).changed
        assert files.requests and not files.given, "the other host was given credentials"


# By the command, with the whole dataset: the few things that only a real run shows.


def test_the_command_updates_and_damage_is_thrown_away_whole(convfix: Runner, stocked: Server) -> None:
    told = convfix("data", "update", "--timeout", "120", "--json", env=settings(stocked))
    assert told.code == 0, told.stdout
    valid(told.json(), "envelope")
    valid(told.data, "data-update")
    assert {"distribution": "tensorflow", "version": "2.99.0"} in told.data["added"]
    assert told.data["version"].startswith(BUNDLE + "+") and told.data["index"] == stocked.address + "/"
    folder = Path(told.data["path"])
    assert convfix("data", "path", "--json").data["path"] == str(folder)
    row = convfix("data", "show", "tensorflow>2.98,<3", "--json").data["rows"][0]
    assert row["version"] == "2.99.0" and row["known_faults"] == ["tf-2.20-2.21-cudnn-floats"]
    assert not (cached(convfix).parent / "index" / "wholes").exists()
    path = folder / "tensorflow.json"
    data = bytearray(path.read_bytes())
    data[data.index(b'"2.99.0": [') + 30] ^= 1
    path.write_bytes(bytes(data))
    told = convfix("data", "check", "--json")
    assert told.code == 0 and told.data["version"] == BUNDLE and "tensorflow.json" in told.data["thrown_away"][0]
    assert not folder.exists() and convfix("data", "show", "tensorflow==2.99.0", "--json").code == 6


def test_a_question_throws_a_damaged_update_away(convfix: Runner, tiny: Folder) -> None:
    """No update is needed to see it: a whole dataset is put in place as an update would, then damaged where the answer lies."""
    held = Cache(str(cached(convfix)))
    with held.locked(), held.making() as work:
        for path in Path(tiny.path).glob("*.json"):
            Path(work, path.name).write_bytes(path.read_bytes())
        folder = held.install(work, "manifest.json", (DATA / "manifest.json").read_bytes())
    assert convfix("data", "show", "tensorflow==2.15.1", "--json").code == 6, "the tiny one holds"
    with open(os.path.join(folder, "tensorflow.json"), "r+b") as file:
        file.seek(file.read().index(b'"2.20.0": [') + 30)
        file.write(b"\0")
    # What does not touch the damage is answered; what does finds it, and the bundle answers in its place.
    assert convfix("data", "show", "tensorflow-cpu==2.15.1", "--json").code == 6 and os.path.exists(folder)
    told = convfix("data", "show", "tensorflow==2.20.0", "--json")
    assert told.code == 0 and told.data["rows"][0]["version"] == "2.20.0" and not os.path.exists(folder)
    assert convfix("data", "show", "tensorflow==2.15.1", "--json").code == 0


def test_an_interrupted_update_leaves_the_old_one(convfix: Runner, stocked: Server) -> None:
    stocked.hold = threading.Event()
    command = launch(["data", "update", "--json"])
    child = subprocess.Popen(command, env=convfix.environment(settings(stocked)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not any(NAME in path for path, _ in stocked.requests):
        assert child.poll() is None
        time.sleep(0.05)
    other = convfix("data", "update", "--json", env=settings(stocked))
    assert other.code == 2 and "another convfix" in other.json()["errors"][0]["message"]
    child.send_signal(signal.SIGTERM)
    stocked.hold.set()
    stdout, _ = child.communicate(timeout=60)
    assert child.returncode == 143 and json.loads(stdout)["exit_code"] == 143
    assert os.listdir(cached(convfix)) == ["lock"]


def test_refusals_ask_nobody_and_show_no_credentials(convfix: Runner, stocked: Server) -> None:
    assert convfix("data", "update", "--offline", "--json", env=settings(stocked)).code == 2
    assert convfix("data", "update", "--json", env=settings(stocked, CONVFIX_DATA_DIR=str(DATA))).code == 2
    assert stocked.requests == [] and not cached(convfix).exists()
    stocked.login = "me:other"
    refused = convfix("data", "update", "--json", env={"UV_DEFAULT_INDEX": stocked.address.replace("http://", "http://me:se%25cret@")})
    assert refused.code == 6 and "401" in refused.stdout and "cret" not in refused.stdout + refused.stderr
    text = convfix("data", "update", env={"UV_DEFAULT_INDEX": stocked.address.replace("http://", "http://me:se%25cret@")})
    assert text.code == 6 and text.stdout == "" and "cret" not in text.stderr
