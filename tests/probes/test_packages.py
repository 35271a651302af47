"""Installed distributions: real ones that uv installed, and every way in which they rot."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixer.probes import tensorflow, wheel_record
from fixer.probes.packages import read_folder
from fixer.probes.patient import look
from tests import patients
from tests.probes.trees import ELF, live, plant

FEATURE = "%d.%d" % sys.version_info[:2]
META = "Metadata-Version: 2.1\nName: {}\nVersion: {}\nSummary: x\n\nName: not-this\n"


def one(root: Path, **files: str | bytes | None):  # type: ignore[no-untyped-def]
    return read_folder(live(), str(plant(root, files)))


def names(folder) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {one.name: one.version for one in folder.distributions}


def test_names_are_normalised_and_every_kind_of_metadata_is_read(tmp_path: Path) -> None:
    seen = one(tmp_path, **{
        "Foo_Bar.baz-1.0.dist-info/METADATA": META.format("Foo_Bar.baz", "1.0"),
        "Foo_Bar.baz-1.0.dist-info/INSTALLER": "pip\n",
        "old-2.1-py3.10.egg-info/PKG-INFO": META.format("old", "2.1"),
        "flat-3.egg-info": META.format("flat", "3"),
        "crlf-1.dist-info/METADATA": META.format("crlf", "1").replace("\n", "\r\n"),
        "odd-1.dist-info/METADATA": "name:odd\nVERSION:   1!2.0.post1.dev3+cu12.x  \n",
        "late-1.dist-info/METADATA": "Keywords: " + "k" * 20000 + "\n" + META.format("late", "1.0rc1"),
        "source.egg-info": None,
        "module.py": "",
    })  # fmt: skip
    assert names(seen) == {
        "foo-bar-baz": "1.0", "old": "2.1", "flat": "3", "crlf": "1", "odd": "1!2.0.post1.dev3+cu12.x", "late": "1.0rc1",
    }  # fmt: skip
    assert {one.name: one.installer for one in seen.distributions}["foo-bar-baz"] == "pip"
    assert seen.broken == ()


@pytest.mark.parametrize(
    ("entry", "content", "problem", "name"),
    [
        ("numpy-1.26.4.dist-info/RECORD", "", "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", "", "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", "Name: numpy\n", "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", "Version: 1.26.4\n", "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", META.format("numpy", "newest"), "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", META.format("numpy", "1" * 5000), "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", META.format("../../etc", "1.0"), "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", META.format("\x1b[31mx", "1.0"), "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", META.format("", "1.0"), "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", b"\x00\xff\x80" * 30000, "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", b"Name: numpy\xff\nVersion: 1\xfe\n", "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info/METADATA", None, "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info", "a file, not a folder", "metadata-missing", "numpy"),
        ("numpy-1.26.4.dist-info", "-> nowhere", "metadata-missing", "numpy"),
        (".dist-info", "", "metadata-missing", ""),
        ("~umpy/core.py", "", "leftover", "~umpy"),
        ("~umpy-1.26.4.dist-info/METADATA", META.format("numpy", "1.26.4"), "leftover", "numpy"),
        ("~\x1b[2J/x", "", "leftover", "~ [2J"),
    ],
)
def test_rotten_metadata_is_told_and_is_no_package(
    tmp_path: Path, entry: str, content: str | bytes | None, problem: str, name: str
) -> None:
    seen = one(tmp_path, **{entry: content})
    assert seen.distributions == ()
    assert [(one.problem, one.name) for one in seen.broken] == [(problem, name)]
    assert not set("\n\x1b") & set(seen.broken[0].detail)


def test_a_metadata_of_100_mb_costs_no_more_than_its_head(tmp_path: Path) -> None:
    path = tmp_path / "big-1.dist-info" / "METADATA"
    path.parent.mkdir()
    path.write_bytes(META.format("big", "1").encode())
    os.truncate(path, 100 << 20)
    reads: list[int] = []
    host = live()
    whole = host.read
    host.read = lambda name, limit=0: reads.append(limit) or whole(name, limit)  # type: ignore[method-assign,func-returns-value,assignment]
    assert names(read_folder(host, str(tmp_path))) == {"big": "1"}
    assert max(reads) <= 65536


def test_a_pipe_in_the_place_of_metadata_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "pipe-1.dist-info").mkdir()
    os.mkfifo(tmp_path / "pipe-1.dist-info" / "METADATA")
    assert [one.problem for one in read_folder(live(), str(tmp_path)).broken] == ["metadata-missing"]


def test_two_versions_of_one_package(tmp_path: Path) -> None:
    files = {f"numpy-{version}.dist-info/METADATA": META.format("numpy", version) for version in ("1.26.4", "2.0.2")}
    plant(tmp_path, files)
    os.utime(tmp_path / "numpy-1.26.4.dist-info", (2**31 - 1, 2**31 - 1))
    seen = read_folder(live(), str(tmp_path))
    assert names(seen) == {"numpy": "1.26.4"}
    assert [(one.problem, one.detail) for one in seen.broken] == [("two-versions", "metadata of 1.26.4 and 2.0.2")]
    same = one(tmp_path / "same", **{
        "cffi-1.0.dist-info/METADATA": META.format("cffi", "1.0"), "cffi-1.0-py3.11.egg-info": META.format("cffi", "1.0"),
    })  # fmt: skip
    assert same.broken == ()


# Real installations by uv, of tiny wheels that carry the names that matter.

FILES = {
    "tensorflow/__init__.py": "x = 1\n" * 10,
    "tensorflow/libtensorflow_framework.so.2": ELF * 20,
    "tensorflow/python/platform/build_info.py": "build_info = {'is_cuda_build': True, 'cuda_version': '12.2', 'cudnn_version': '8', "
    "'cuda_compute_capabilities': ['sm_60', 'compute_80']}\n",
    "tensorflow/include/tensorflow/core/public/version.h": "#define TF_MAJOR_VERSION 2\n#define TF_MINOR_VERSION 15\n"
    '#define TF_PATCH_VERSION 1\n#define TF_VERSION_SUFFIX "-rc1"\n',
    "tensorflow/tests/data.py": "",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a tiny tensorflow, made by uv, as a tar archive: it is unpacked for each test."""
    base = tmp_path_factory.mktemp("template")
    wheels = patients.Wheelhouse(base / "wheels")
    wheels.add("tensorflow", "2.15.1", FILES)
    wheels.add("numpy", "1.26.4", {"numpy/__init__.py": "", "numpy/core/umath.so": ELF, "numpy/tests/test_a.py": ""})
    options = ("--no-index", "--find-links", str(wheels.folder))
    wheels.add("wrapt", "1.17.3", {"wrapt/__init__.py": "x = 1\n"})
    wheels.add("grpcio", "1.76.0", {"grpc/__init__.py": "x = 1\n"})
    patients.make_patient(base / "e", FEATURE, ("tensorflow", "numpy", "wrapt", "grpcio"), pip=False, options=options)
    with tarfile.open(base / "e.tar", "w") as archive:
        archive.add(base / "e", "e")
    return base / "e.tar"


@pytest.fixture
def site(template: Path, tmp_path: Path) -> Iterator[Path]:
    """The site-packages of a fresh copy."""
    with tarfile.open(template) as archive:
        archive.extractall(tmp_path, filter="fully_trusted") if sys.version_info >= (3, 12) else archive.extractall(tmp_path)
    yield next((tmp_path / "e").glob("lib/python*/site-packages"))


def problems(site: Path) -> dict[str, str]:
    folder = read_folder(live(), str(site))
    return {one.name: one.problem for one in (*folder.broken, *wheel_record.check(live(), folder.distributions))}


def test_a_whole_installation_has_no_problem(site: Path) -> None:
    assert problems(site) == {}
    shutil.rmtree(site / "tensorflow" / "tests")
    shutil.rmtree(site / "numpy" / "tests")
    assert problems(site) == {}, "a slimmed image is not a broken one"


LIBRARY = "tensorflow/libtensorflow_framework.so.2"
DAMAGE: list[tuple[str, Callable[[Path], object], dict[str, str]]] = [
    ("library gone", lambda site: (site / LIBRARY).unlink(), {"tensorflow": "record-missing-files"}),
    ("package gone", lambda site: shutil.rmtree(site / "tensorflow"), {"tensorflow": "record-missing-files"}),
    ("library empty", lambda site: os.truncate(site / LIBRARY, 0), {"tensorflow": "truncated"}),
    ("library cut", lambda site: os.truncate(site / LIBRARY, 100), {"tensorflow": "truncated"}),
    ("module gone", lambda site: (site / "numpy/__init__.py").unlink(), {"numpy": "record-missing-files"}),
    ("a small package that TensorFlow imports is gone", lambda site: shutil.rmtree(site / "wrapt"), {"wrapt": "record-missing-files"}),
    ("no problem: one that it does not import is gone", lambda site: shutil.rmtree(site / "grpc"), {}),
    ("no RECORD", lambda site: (site / "numpy-1.26.4.dist-info/RECORD").unlink(), {"numpy": "record-missing-files"}),
    ("empty RECORD", lambda site: os.truncate(site / "numpy-1.26.4.dist-info/RECORD", 0), {"numpy": "record-missing-files"}),
    ("TensorFlow's metadata gone", lambda site: (site / "tensorflow-2.15.1.dist-info/METADATA").unlink(), {"tensorflow": "metadata-missing"}),
    ("metadata gone", lambda site: (site / "numpy-1.26.4.dist-info/METADATA").unlink(), {"numpy": "metadata-missing"}),
    ("a library that is a dangling link", lambda site: [(site / LIBRARY).unlink(), (site / LIBRARY).symlink_to("gone")],
     {"tensorflow": "record-missing-files"}),
    ("a module was emptied", lambda site: os.truncate(site / "tensorflow/python/platform/build_info.py", 0), {"tensorflow": "truncated"}),
    ("no problem: a module of another installer's was emptied",
     lambda site: [os.truncate(site / "wrapt/__init__.py", 0), (site / "wrapt-1.17.3.dist-info/INSTALLER").write_text("conda\n")], {}),
    ("no problem: a module was edited", lambda site: (site / "numpy/__init__.py").write_text("x = 1"), {}),
    ("no problem: a library was patched and grew", lambda site: os.truncate(site / LIBRARY, 9999), {}),
    ("no problem: RECORD is rubbish", lambda site: (site / "numpy-1.26.4.dist-info/RECORD").write_bytes(b"\xff\0,,\n\n,,,\n" * 99), {}),
    ("no problem: RECORD points outside",
     lambda site: (site / "numpy-1.26.4.dist-info/RECORD").write_text("../../../../etc/no.so,,5\n/etc/no.so,,5\n"), {}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "damage", "expected"), DAMAGE, ids=[row[0] for row in DAMAGE])
def test_damage_is_seen_and_nothing_else(site: Path, what: str, damage: Callable[[Path], object], expected: dict[str, str]) -> None:
    damage(site)
    assert problems(site) == expected


@pytest.mark.parametrize(("gone", "listed"), [("", True), ("tensorflow/__init__.py", False)])
def test_a_tensorflow_without_metadata_is_there_as_long_as_its_files_are(site: Path, gone: str, listed: bool) -> None:
    (site / "tensorflow-2.15.1.dist-info/METADATA").unlink()
    if gone:
        (site / gone).unlink()
    held = [(one.name, one.version) for one in read_folder(live(), str(site)).distributions]
    assert (("tensorflow", "2.15.1") in held) is listed


@pytest.mark.parametrize("what", ["numpy", LIBRARY])
def test_what_this_user_may_not_read_is_no_missing_file(site: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As anybody but root finds it: whoever runs this test may be root, whom no mode keeps out."""
    path = site / what
    path.chmod(0)
    host = live()
    monkeypatch.setattr(host, "entries", lambda folder, own=host.entries: () if folder == str(path) else own(folder))
    monkeypatch.setattr(host, "text", lambda file, limit=1, own=host.text: None if file == str(path) else own(file, limit))
    seen = wheel_record.check(host, read_folder(live(), str(site)).distributions)
    path.chmod(0o755)
    assert [(one.problem, one.path) for one in seen] == [("unreadable", str(path))]


def test_sizes_of_a_distribution_that_rewrites_files_are_not_trusted_but_the_elf_is(site: Path) -> None:
    (site / "tensorflow-2.15.1.dist-info" / "INSTALLER").write_text("conda\n")
    os.truncate(site / LIBRARY, 100)
    assert problems(site) == {}
    whole = bytearray(ELF + bytes(64))
    whole[40:48] = (5000).to_bytes(8, "little")
    whole[58:62] = b"\x40\0\x02\0"
    (site / LIBRARY).write_bytes(whole)
    assert problems(site) == {"tensorflow": "truncated"}


def test_a_very_big_record_is_searched_not_split(site: Path) -> None:
    path = site / "tensorflow-2.15.1.dist-info" / "RECORD"
    more = "".join(f"tensorflow/include/very/deep/header_{number}.h,sha256=x,5\n" for number in range(20000))
    path.write_text(more + path.read_text())
    assert problems(site) == {}
    (site / LIBRARY).unlink()
    assert problems(site) == {"tensorflow": "record-missing-files"}


# How TensorFlow was built.


def test_build_facts_come_from_files(site: Path) -> None:
    seen = tensorflow.observe(live(), (str(site),)).value
    assert seen is not None
    assert (seen.version, seen.is_cuda_build, seen.cuda, seen.cudnn) == ("2.15.1rc1", True, "12.2", "8")
    assert seen.compute_capabilities == ("6.0", "8.0")


@pytest.mark.parametrize(
    "text",
    [
        "", "build_info = ", "build_info = open('/etc/passwd').read()", "build_info = [1, 2]", "build_info = f()", "x = 1",
        "build_info = " + "(" * 5000, "import os; os.abort()", "build_info = {'is_cuda_build': 'yes', 'cuda_version': 3}", "\0",
    ],
)  # fmt: skip
def test_a_garbled_build_info_tells_nothing_and_is_never_run(site: Path, text: str) -> None:
    (site / "tensorflow/python/platform/build_info.py").write_text(text)
    seen = tensorflow.observe(live(), (str(site),)).value
    assert seen is not None
    assert (seen.version, seen.is_cuda_build, seen.cuda) == ("2.15.1rc1", None, None)


def test_no_tensorflow_is_absent_and_an_unreadable_one_unknown(tmp_path: Path) -> None:
    assert tensorflow.observe(live(), (str(tmp_path),)).is_absent
    plant(tmp_path, {"tensorflow": None})
    assert tensorflow.observe(live(), (str(tmp_path),)).is_unknown
    plant(tmp_path, {"tensorflow/tools/pip_package/setup.py": "import x\n_VERSION = '2.21.0'\n"})
    assert tensorflow.observe(live(), (str(tmp_path),)).value == tensorflow.TensorFlowBuild(version="2.21.0")


def test_the_patient_of_a_real_environment(site: Path) -> None:
    prefix = site.parents[2]
    seen = look(live(PYTHONPATH=None, VIRTUAL_ENV=str(prefix)), None)
    patient, environment = seen.patient.value, seen.environment.value
    assert patient is not None and environment is not None
    assert environment.packages.value == {"grpcio": "1.76.0", "numpy": "1.26.4", "tensorflow": "2.15.1", "wrapt": "1.17.3"}
    assert (environment.kind.value, environment.owner.state) == ("venv", "absent")
    assert patient.installers == dict.fromkeys(("grpcio", "numpy", "tensorflow", "wrapt"), "uv")
    assert (patient.prefix, patient.site_packages, patient.has_pip) == (str(prefix), str(site), False)
    assert (patient.broken, patient.shadows, patient.strays) == ((), (), ())


def test_a_stripped_library_is_whole_and_no_problem(site: Path) -> None:
    """Slim images strip libraries: smaller than recorded, and closed by the table that the header names."""
    path = site / "tensorflow-2.15.1.dist-info" / "RECORD"
    path.write_text(path.read_text().replace(f"{LIBRARY},", f"{LIBRARY},,90000\n#"))
    whole = bytearray(ELF + bytes(5000 + 128 - len(ELF)))
    whole[40:48] = (5000).to_bytes(8, "little")
    whole[58:62] = b"\x40\0\x02\0"
    (site / LIBRARY).write_bytes(whole)
    assert problems(site) == {}
    (site / LIBRARY).write_bytes(whole[:-1])
    assert problems(site) == {"tensorflow": "truncated"}
