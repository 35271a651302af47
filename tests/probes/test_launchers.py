"""Who else starts Pythons here, and where environments with TensorFlow lie: from real files, good and bad."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.model.facts import Interpreter, Launcher
from fixer.probes import environments, launchers


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home of ada"
    folder.mkdir()
    return folder


def host(home: Path, folder: Path | None = None, **more: str) -> RealHost:
    return RealHost({"HOME": str(home), "PATH": "/usr/bin:/bin", **more}, folder=str(folder or home))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def seen(at: RealHost, home: Path) -> list[Launcher]:
    return [one for one in launchers.observe(at).or_else(()) if one.path.startswith(str(home))]


def kernel(home: Path, name: str, content: object) -> Path:
    return write(home / ".local/share/jupyter/kernels" / name / "kernel.json", json.dumps(content))


def test_a_jupyter_kernel_with_what_it_sets(home: Path) -> None:
    argv = ["/home/ada/tf/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    path = kernel(home, "tf", {"argv": argv, "env": {"LD_LIBRARY_PATH": "/opt/x", "SECRET": "s", "TF_API_KEY": "k", "N": 1}})
    assert seen(host(home), home) == [Launcher("jupyter", "tf", str(path), argv[0], {"LD_LIBRARY_PATH": "/opt/x"})]


@pytest.mark.parametrize("content", [
    [], {}, {"argv": []}, {"argv": "python"}, {"argv": [1]}, {"argv": ["python"]}, {"argv": ["{resource_dir}/run"]}, None,
])  # fmt: skip
def test_a_kernel_that_names_no_interpreter_is_passed_over(home: Path, content: object) -> None:
    kernel(home, "odd", content)
    assert seen(host(home), home) == []


def test_files_that_cannot_be_read_are_passed_over(home: Path) -> None:
    folder = home / ".local/share/jupyter/kernels"
    write(folder / "a/kernel.json", "{")
    write(folder / "b/kernel.json", "[" * 100_000)
    (folder / "c").mkdir()
    os.mkfifo(folder / "c" / "kernel.json")
    (folder / "d").mkdir()
    (folder / "d" / "kernel.json").symlink_to("/dev/zero")
    write(home / ".config/systemd/user/odd.service", "ExecStart=\nEnvironment='unclosed\nExecStart=/x/bin/python3 run.py\n")
    assert [one.kind for one in seen(host(home), home)] == ["systemd"]


def test_editors_services(home: Path) -> None:
    project = home / "work"
    write(project / ".vscode/settings.json", '{\n  // the project\'s own\n  "python.defaultInterpreterPath": "${workspaceFolder}/.venv/bin/python",\n}\n')
    write(home / ".config/JetBrains/PyCharm2025.1/options/jdk.table.xml", '<jdk><homePath value="$USER_HOME$/tf/bin/python" /></jdk>')
    unit = "[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/cuda/lib64 HOME=/srv\nExecStart=-/srv/tf/bin/python3 -m train --token hunter2\n"
    write(home / ".config/systemd/user/train.service", unit)
    found = {one.kind: one for one in seen(host(home, project), home)}
    assert found["vscode"].interpreter == f"{project}/.venv/bin/python"
    assert found["pycharm"].interpreter == f"{home}/tf/bin/python"
    assert (found["systemd"].interpreter, found["systemd"].name) == ("/srv/tf/bin/python3", "train.service")
    assert found["systemd"].variables == {"LD_LIBRARY_PATH": "/opt/cuda/lib64", "HOME": "/srv"}
    assert "hunter2" not in repr(found)


def test_cron_s_tables_below_a_system_root(tmp_path: Path) -> None:
    write(tmp_path / "etc/cron.d/train", "SHELL=/bin/sh\nLD_LIBRARY_PATH=/opt/cuda/lib64\n# 0 * * * * ada /no/bin/python x\n0 3 * * * ada /srv/tf/bin/python /srv/x.py\n")
    at = RealHost({"HOME": "/nonexistent"}, sys_root=str(tmp_path))
    found = launchers.observe(at).or_else(())
    assert found == (Launcher("cron", "train", "/etc/cron.d/train", "/srv/tf/bin/python", {"LD_LIBRARY_PATH": "/opt/cuda/lib64"}),)


def environment(prefix: Path, package: str | None = "tensorflow-2.15.1.dist-info", conda: str | None = None) -> Path:
    """The files that make a folder an environment; nothing here is ever run."""
    write(prefix / "bin/python", "#!/bin/sh\nexit 1\n").chmod(0o755)
    write(prefix / "pyvenv.cfg", "home = /usr/bin\n")
    site = prefix / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    if package:
        (site / package).mkdir()
    if conda:
        write(prefix / "conda-meta" / conda, "{}")
    return prefix


def prefixes(at: RealHost, home: Path, *more: Launcher) -> list[str]:
    found = environments.find(at, (), more)
    return sorted(str(Path(one.python).parent.parent.relative_to(home)) for one in found if one.python.startswith(str(home)))


def test_environments_are_found_where_the_tools_put_them(home: Path) -> None:
    places = [
        ".virtualenvs/a", ".local/share/virtualenvs/b-x1", ".cache/pypoetry/virtualenvs/c-py3.11", ".local/share/pipx/venvs/d",
        "miniconda3/envs/e", "project/.venv", "tf", ".venv", ".pyenv/versions/f", ".pyenv/versions/3.11.7/envs/g",
    ]  # fmt: skip
    for place in places:
        environment(home / place)
    environment(home / "listed-by-conda" / "deep" / "er", package=None, conda="tensorflow-base-2.19.0-cuda128py311_0.json")
    write(home / ".conda/environments.txt", f"{home}/listed-by-conda/deep/er\n\x1b[31m\n../relative\n")
    assert prefixes(host(home), home) == sorted([*places, "listed-by-conda/deep/er"])


@pytest.mark.parametrize("package", [None, "tensorflow_estimator-2.15.0.dist-info", "tensorflow_io-0.34.0.dist-info", "tensorflow", "keras-3.0.dist-info"])
def test_an_environment_without_tensorflow_is_not_listed(home: Path, package: str | None) -> None:
    environment(home / "venv", package)
    assert prefixes(host(home), home) == []


def test_one_environment_is_listed_once_and_launchers_lead_to_it(home: Path, tmp_path: Path) -> None:
    elsewhere = environment(tmp_path / "home of ada" / "far" / "away" / "env")
    named = Launcher("jupyter", "tf", "/kernels/tf/kernel.json", f"{elsewhere}/bin/python")
    assert prefixes(host(home), home) == []
    assert prefixes(host(home), home, named, named) == ["far/away/env"]
    assert len(environments.find(host(home, VIRTUAL_ENV=str(elsewhere)), (), (named,))) == 1


def test_the_user_site_of_the_system_python_counts(home: Path) -> None:
    system = Interpreter("3.11", "/usr/bin/python3.11")
    if not Path("/usr/lib/python3.11").is_dir() or not Path("/usr/bin/python3.11").exists():
        pytest.skip("no /usr/bin/python3.11 here")
    before = environments.find(host(home), (system,), ())
    (home / ".local/lib/python3.11/site-packages/tensorflow-2.15.1.dist-info").mkdir(parents=True)
    assert len(environments.find(host(home), (system,), ())) == len(before) + 1


UNIT = """[Service]
Environment="LD_LIBRARY_PATH=/a b" \\
  TF_CPP_MIN_LOG_LEVEL=1
ExecStart=%h/tf/bin/python -m train
"""


def test_a_users_service_with_all_that_sets_its_variables(home: Path) -> None:
    """systemctl --user edit writes a drop-in: what it sets is set, and so is what an EnvironmentFile and environment.d say."""
    units = home / ".config/systemd/user"
    path = write(units / "train.service", UNIT)
    assert seen(host(home), home) == []  # a home with a space cannot be written so in a unit
    plain = home.parent / "ada"
    home.rename(plain)
    path, interpreter = plain / path.relative_to(home), f"{plain}/tf/bin/python"
    given = {"LD_LIBRARY_PATH": "/a b", "TF_CPP_MIN_LOG_LEVEL": "1"}
    assert seen(host(plain), plain) == [Launcher("systemd", "train.service", str(path), interpreter, given)]
    write(plain / ".config/environment.d/10-tf.conf", "CUDA_VISIBLE_DEVICES=1\n# LD_PRELOAD=x\n")
    write(path.with_name("train.service.d") / "override.conf", "[Service]\nEnvironment=\nEnvironment=LD_LIBRARY_PATH=/edited\n")
    assert seen(host(plain), plain)[0].variables == {"CUDA_VISIBLE_DEVICES": "1", "LD_LIBRARY_PATH": "/edited"}
    write(plain / "train.env", "LD_LIBRARY_PATH='/of/the/file'\nHF_TOKEN=secret\n")
    write(path.with_name("train.service.d") / "zz.conf", "[Service]\nEnvironmentFile=-%h/train.env\n")
    assert seen(host(plain), plain)[0].variables == {"CUDA_VISIBLE_DEVICES": "1", "LD_LIBRARY_PATH": "/of/the/file"}


def test_a_drop_in_that_starts_another_program_takes_the_first_away(home: Path) -> None:
    plain = home.parent / "ada"
    home.rename(plain)
    path = write(plain / ".config/systemd/user/x.service", "[Service]\nExecStart=%h/tf/bin/python x.py\n")
    write(path.with_name("x.service.d") / "o.conf", "[Service]\nExecStart=\nExecStart=%h/other/bin/python3 x.py\n")
    assert [one.interpreter for one in seen(host(plain), plain)] == [f"{plain}/other/bin/python3"]


JOB = "#!/bin/bash\n#SBATCH --gres=gpu:1{}\n{}/opt/tf/bin/python train.py --token hunter2\n"


@pytest.mark.parametrize(("options", "lines", "inherits", "variables"), [
    ("", "", True, {}),
    ("\n#SBATCH --export=NONE", "", False, {}),
    ("\n#SBATCH --export NONE", "export LD_LIBRARY_PATH=/opt/cuda/lib64\nexport HF_TOKEN=x\n", False, {"LD_LIBRARY_PATH": "/opt/cuda/lib64"}),
    ("\n#SBATCH --export=ALL,N=1", "export LD_LIBRARY_PATH=\"/a:$LD_LIBRARY_PATH\"\n", True, {"LD_LIBRARY_PATH": "/a:"}),
    ("\n#SBATCH --export=NONE", "export LD_LIBRARY_PATH=/a:$LD_LIBRARY_PATH\n", False, {"LD_LIBRARY_PATH": "/a:"}),
    ("\n#SBATCH --export=PATH,LD_LIBRARY_PATH", "", True, {}),
    ("\n#SBATCH --export=PATH", "", False, {}),
])  # fmt: skip
def test_a_job_script_of_slurm(home: Path, options: str, lines: str, inherits: bool, variables: dict[str, str]) -> None:
    path = write(home / "train.sbatch", JOB.format(options, lines))
    found = seen(host(home), home)
    assert found == [Launcher("slurm", "train.sbatch", str(path), "/opt/tf/bin/python", variables, inherits)]
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize("lines", ["module load cuda/11.2\n", "ml cuda\n", "source ~/set.sh\n", "export LD_LIBRARY_PATH=$CUDA_HOME/lib64\n"])
def test_a_job_script_whose_variables_are_not_known_is_passed_over(home: Path, lines: str) -> None:
    write(home / "train.sh", JOB.format("", lines))
    write(home / "no-job.sh", "/opt/tf/bin/python train.py\n")
    assert seen(host(home), home) == []


@pytest.mark.parametrize(("option", "inherits"), [("-l ngpus=1", False), ("-V", True), ("-v A,LD_LIBRARY_PATH", True), ("-v A", False), ("-N -Vx", False)])
def test_a_job_script_of_pbs_gets_the_shells_variables_only_where_it_asks(home: Path, option: str, inherits: bool) -> None:
    path = write(home / "run.pbs", f"#!/bin/sh\n#PBS {option}\nsource /opt/tf/bin/activate\npython train.py\n")
    assert seen(host(home), home) == [Launcher("pbs", "run.pbs", str(path), "/opt/tf/bin/python", {}, inherits)]
