"""Environment modulefiles, Tcl and Lua: which line changes which variable; what the text does not tell is left out, and nothing is run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.model.facts import Launcher
from fixer.probes import job_scripts, module_text, modulefiles
from fixer.probes.module_names import located

TCL = """#%Module1.0
## CUDA for everybody
proc ModulesHelp { } {
    puts stderr "setenv CUDA_HOME {"
    setenv CUDA_HOME /not/this
}
module-whatis "CUDA 11.2"
set version 11.2
set root    /opt/cuda-$version
conflict cuda
setenv CUDA_HOME $root
prepend-path --delim=: LD_LIBRARY_PATH $root/lib64 \\
    ${root}/extras/CUPTI/lib64
append-path PATH "$root/bin"
setenv XLA_FLAGS "--xla_gpu_cuda_data_dir=$root"
setenv MY_OWN $env(NOT_SET)
"""
LUA = """-- CUDA for everybody
help([[setenv("CUDA_HOME", "/not/this")
]])
--[[ setenv("CUDA_HOME", "/nor/this") ]]
local version = "11.2"
local root = pathJoin("/opt", "cuda-" .. version)
whatis("Name: cuda")
setenv("CUDA_HOME", root)
prepend_path("LD_LIBRARY_PATH", pathJoin(root, "lib64"))
append_path(
    'PATH', root .. '/bin', ":")
setenv("XLA_FLAGS", "--xla_gpu_cuda_data_dir=" .. root)
"""


def test_a_tcl_file_line_by_line() -> None:
    seen = module_text.tcl(TCL, {})
    assert [(one.number, one.deed, one.name, one.value) for one in seen.deeds] == [
        (11, "set", "CUDA_HOME", "/opt/cuda-11.2"),
        (12, "prepend", "LD_LIBRARY_PATH", "/opt/cuda-11.2/lib64:/opt/cuda-11.2/extras/CUPTI/lib64"),
        (14, "append", "PATH", "/opt/cuda-11.2/bin"),
        (15, "set", "XLA_FLAGS", "--xla_gpu_cuda_data_dir=/opt/cuda-11.2"),
    ]
    assert not seen.whole, "MY_OWN could not be told"
    assert module_text.tcl(TCL.replace("setenv MY_OWN $env(NOT_SET)\n", ""), {}).whole


def test_a_lua_file_line_by_line() -> None:
    seen = module_text.lua(LUA, {})
    assert [(one.number, one.deed, one.name, one.value) for one in seen.deeds] == [
        (8, "set", "CUDA_HOME", "/opt/cuda-11.2"),
        (9, "prepend", "LD_LIBRARY_PATH", "/opt/cuda-11.2/lib64"),
        (10, "append", "PATH", "/opt/cuda-11.2/bin"),
        (12, "set", "XLA_FLAGS", "--xla_gpu_cuda_data_dir=/opt/cuda-11.2"),
    ]
    assert seen.whole


@pytest.mark.parametrize("line", [
    "setenv CUDA_HOME [exec id]", "setenv CUDA_HOME $nobody", "if { 1 } {\nsetenv CUDA_HOME /a\n}", "module unload gcc", "module load $x", "source /etc/x.tcl", "[", "prepend-path -d ; PATH /a",
    'setenv CUDA_HOME "/a\\x"', "setenv CUDA_HOME /a\x1b[31m", "exec rm -rf /",
])  # fmt: skip
def test_a_tcl_file_that_decides_something_is_not_known_whole(line: str) -> None:
    assert not module_text.tcl(f"#%Module\n{line}\n", {}).whole


@pytest.mark.parametrize("line", [
    'setenv("CUDA_HOME", capture("id"))', 'setenv("CUDA_HOME", nobody)', 'if true then\nsetenv("CUDA_HOME", "/a")\nend', 'try_load("gcc")', 'os.execute("id")', "execute{cmd=1}",
    'setenv("CUDA_HOME")', 'prepend_path("PATH", "/a", ";")', "setenv(", "[[", 'load(nobody)', 'setenv("CUDA_HOME", "/a\x1b[31m")',
])  # fmt: skip
def test_a_lua_file_that_decides_something_is_not_known_whole(line: str) -> None:
    assert not module_text.lua(f"{line}\n", {}).whole


@pytest.mark.parametrize("piece", ["{", "}", '"', "[[", "]]", "--[[", "${", "\\\n", "(", "setenv(", "x..", "$a", "\n", "'", 'a = "', "set a $a$a\n", "local a = a .. a\n"])
def test_a_hostile_file_stays_small(piece: str) -> None:
    """64 KiB, which is all that is read, of whatever makes a reader count brackets or double a text with each line."""
    text = (piece * 65536)[:65536] + '\nsetenv CUDA_HOME $a\nsetenv("CUDA_HOME", a)\n'
    for seen in (module_text.tcl("#%Module\nset a aaaaaaaa\n" + text, {}), module_text.lua('a = "aaaaaaaa"\n' + text, {})):
        assert all(len(one.value) <= 4096 for one in seen.deeds) and not seen.whole


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_loaded_modules_by_their_files_and_by_modulepath(tmp_path: Path) -> None:
    tcl, lua = put(tmp_path / "m/cuda/11.2", TCL), put(tmp_path / "m/tf/2.lua", 'setenv("TF_CPP_MIN_LOG_LEVEL", "1")\nsetenv("SECRET_TOKEN", "x")\n')
    by_path = RealHost({"LOADEDMODULES": "cuda/11.2:tf/2", "MODULEPATH": f"/nowhere:{tmp_path}/m"})
    by_file = RealHost({"LOADEDMODULES": "cuda/11.2:tf/2", "_LMFILES_": f"{tcl}:{lua}"})
    for host in (by_path, by_file):
        lines = modulefiles.observe(host).or_else(())
        assert [(one.module, one.path, one.line, one.name) for one in lines] == [
            ("cuda/11.2", str(tcl), 11, "CUDA_HOME"), ("cuda/11.2", str(tcl), 12, "LD_LIBRARY_PATH"), ("cuda/11.2", str(tcl), 14, "PATH"),
            ("cuda/11.2", str(tcl), 15, "XLA_FLAGS"), ("tf/2", str(lua), 1, "TF_CPP_MIN_LOG_LEVEL"),
        ]  # fmt: skip
    assert modulefiles.observe(RealHost({"LOADEDMODULES": "../../etc/passwd:gone/1:x", "MODULEPATH": "relative:/"})).is_absent
    assert modulefiles.observe(RealHost({"LOADEDMODULES": "x", "_LMFILES_": str(tmp_path)})).is_absent


@pytest.mark.parametrize(("extra", "found"), [
    ({}, "12.2"), ({"9.9": TCL}, "12.2"), ({"latest": TCL}, None), ({".version": '#%Module\nset ModulesVersion "11.2"\n'}, "11.2"), ({"default": "-> 12.2"}, "12.2"), ({".version": "set ModulesVersion 9\n"}, None),
    ({".modulerc": "#%Module\nmodule-version cuda/11.2 old default\n"}, "11.2"), ({".modulerc": "module-version /11.2 default\n"}, "11.2"),
    ({".modulerc": "module-version ./11.2 default\n", ".version": "set ModulesVersion 12.2\n"}, "11.2"),
    ({".modulerc.lua": 'module_version("cuda/11.2", "default")\n'}, "11.2"), ({".modulerc": "module-version cuda/11.2 old\n"}, "12.2"),
    ({"../.modulerc": "#%Module\nmodule-version cuda/11.2 default\n"}, "11.2"), ({".modulerc": "module-version cuda/$x default\n"}, "12.2"),
])  # fmt: skip
def test_a_name_without_a_version_is_what_its_folder_says(tmp_path: Path, extra: dict[str, str], found: str | None) -> None:
    for version in ("11.2", "12.2"):
        put(tmp_path / "cuda" / version, TCL)
    for name, text in extra.items():
        if text.startswith("-> "):
            (tmp_path / "cuda" / name).symlink_to(text[3:])
        else:
            put(tmp_path / "cuda" / name, text)
    assert located(RealHost({}), "cuda", [str(tmp_path)]) == ((f"cuda/{found}", f"{tmp_path}/cuda/{found}") if found else None)


def test_an_alias_and_a_second_name_lead_to_their_module_and_never_round_in_circles(tmp_path: Path) -> None:
    put(tmp_path / "cuda" / "11.2", TCL)
    put(tmp_path / "cuda" / ".modulerc", "#%Module\nmodule-version cuda/11.2 stable\n")
    put(tmp_path / ".modulerc", "#%Module\nmodule-alias gpu cuda/stable\nmodule-alias a b\nmodule-alias b a\n")
    host, whole = RealHost({}), ("cuda/11.2", f"{tmp_path}/cuda/11.2")
    assert located(host, "gpu", [str(tmp_path)]) == located(host, "cuda/stable", ["/nowhere", str(tmp_path)]) == whole
    assert located(host, "a", [str(tmp_path)]) is None and located(host, "cuda/testing", [str(tmp_path)]) is None


JOB = "#!/bin/bash\n#SBATCH --export={}\nmodule load {}\n{}/opt/tf/bin/python train.py\n"
PLAIN = "#%Module\nset root /opt/cuda\nprepend-path LD_LIBRARY_PATH $root/lib64\nsetenv CUDA_HOME $root\n"
HOME = {"CUDA_HOME": "/opt/cuda"}


@pytest.mark.parametrize(("options", "names", "lines", "expected"), [
    ("ALL", "cuda/1", "", {**HOME, "LD_LIBRARY_PATH": "/opt/cuda/lib64:/shells"}),
    ("NONE", "cuda/1", "", {**HOME, "LD_LIBRARY_PATH": "/opt/cuda/lib64"}),
    ("NONE", "cuda/1", "export LD_LIBRARY_PATH=/a:$LD_LIBRARY_PATH\n", {**HOME, "LD_LIBRARY_PATH": "/a:/opt/cuda/lib64"}),
    ("ALL", "cuda/1", "export LD_LIBRARY_PATH=/a\n", {**HOME, "LD_LIBRARY_PATH": "/a"}),
    ("ALL", "plain/1 cuda/1", "", {**HOME, "LD_LIBRARY_PATH": "/opt/cuda/lib64:/shells"}),
    ("ALL", "plain/1", "", {}),
    ("ALL", "cuda/1", "export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:/z\n", {**HOME, "LD_LIBRARY_PATH": "/opt/cuda/lib64:/shells:/z"}),
    ("NONE", "stack/1", "", {**HOME, "LD_LIBRARY_PATH": "/stack:/opt/cuda/lib64"}),
    ("NONE", "stack/1 cuda/1", "", {**HOME, "LD_LIBRARY_PATH": "/stack:/opt/cuda/lib64"}),
    ("NONE", "stack", "", {**HOME, "LD_LIBRARY_PATH": "/stack:/opt/cuda/lib64"}),
    ("NONE", "round/1", "", {"CUDA_HOME": "/round"}),
    ("NONE", "lost/1", "", None),
    ("ALL", "sets/1", "", {"LD_LIBRARY_PATH": "/b"}),
    ("NONE", "cuda/1 odd/1", "", None),
    ("NONE", "cuda/2", "", None),
    ("NONE", "cuda/1", "module purge\n", {}),
    ("NONE", "cuda/1", "module unload cuda\n", None),
    ("NONE", "cuda/1", "module use {more}\nml far/1\n", {**HOME, "LD_LIBRARY_PATH": "/far:/opt/cuda/lib64"}),
    ("NONE", "cuda/1", "module use relative\n", None),
])  # fmt: skip
def test_a_job_script_with_modules(tmp_path: Path, options: str, names: str, lines: str, expected: dict[str, str] | None) -> None:
    put(tmp_path / "m/cuda/1", PLAIN)
    put(tmp_path / "m/stack/1", f"#%Module\nmodule use {tmp_path}/more\nmodule load cuda/1 plain\nprepend-path LD_LIBRARY_PATH /stack\n")
    put(tmp_path / "m/round/1.lua", 'load("round/1")\nsetenv("CUDA_HOME", "/round")\n')
    put(tmp_path / "m/lost/1", "#%Module\nmodule load nowhere/1\n")
    put(tmp_path / "more/far/1", "#%Module\nprepend-path LD_LIBRARY_PATH /far\n")
    put(tmp_path / "m/plain/1", "#%Module\nmodule-whatis nothing\n")
    put(tmp_path / "m/sets/1.lua", 'setenv("LD_LIBRARY_PATH", "/b")\n')
    put(tmp_path / "m/odd/1", "#%Module\nif { [info exists x] } {\nsetenv CUDA_HOME /x\n}\n")
    path = put(tmp_path / "job/train.sbatch", JOB.format(options, names, lines.replace("{more}", f"{tmp_path}/more")))
    host = RealHost({"MODULEPATH": f"{tmp_path}/m", "LD_LIBRARY_PATH": "/shells"})
    made = [replace(one, modules=()) for one in job_scripts.observe(host, str(tmp_path / "job"))]
    assert made == ([] if expected is None else [Launcher("slurm", "train.sbatch", str(path), "/opt/tf/bin/python", expected, options == "ALL")])


def test_a_job_that_takes_the_shells_modules_away_is_not_known(tmp_path: Path) -> None:
    put(tmp_path / "m/cuda/1", PLAIN)
    put(tmp_path / "job/train.sbatch", JOB.format("ALL", "cuda/1", "module purge\n"))
    loaded = RealHost({"MODULEPATH": f"{tmp_path}/m", "LOADEDMODULES": "cuda/1"})
    assert not list(job_scripts.observe(loaded, str(tmp_path / "job")))
    assert [one.modules for one in job_scripts.observe(RealHost({}), str(tmp_path / "job"))] == [()]
