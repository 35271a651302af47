"""How the user reaches the index: every place in which pip and uv let it be said, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.errors import UsageError
from fixer.harvest import configuration as module
from fixer.harvest.configuration import configuration
from fixer.host.real import RealHost

UV, PIP = "home/.config/uv/uv.toml", "home/.config/pip/pip.conf"
SITE, ETC = "etc/pip.conf", "etc/uv/uv.toml"


def asked(tmp_path: Path, files: dict[str, str], **variables: str) -> module.Configuration:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "etc").mkdir(exist_ok=True)
    environ = {"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", **variables}
    return configuration(RealHost(environ, sys_root=str(tmp_path)))


def test_variables_before_files_and_uv_before_pip(tmp_path: Path) -> None:
    files = {
        UV: 'index-url = "https://uv-file.example/simple"\n', ETC: 'index-url = "https://uv-etc.example/simple"\n',
        PIP: "[global]\nindex-url = https://pip-file.example/simple\n", SITE: "[global]\nindex-url = https://pip-etc.example/simple\n",
    }  # fmt: skip
    given = {
        "UV_DEFAULT_INDEX": "own=https://uv.example/simple", "UV_INDEX_URL": "https://uv-old.example/simple",
        "PIP_INDEX_URL": "https://pip.example/simple/",
    }  # fmt: skip
    expected = ["uv", "uv-old", "pip"]
    for host in expected:
        assert asked(tmp_path, files, **given).address == f"https://{host}.example/simple/"
        del given[next(iter(given))]
    for name, host in ((UV, "uv-file"), (ETC, "uv-etc"), (PIP, "pip-file"), (SITE, "pip-etc")):
        assert asked(tmp_path, {}).address == f"https://{host}.example/simple/"
        (tmp_path / name).unlink()


def test_uv_tables(tmp_path: Path) -> None:
    text = '[[index]]\nname = "extra"\nurl = "https://extra.example/simple"\n[[index]]\nname = "my-own"\nurl = "https://main.example/simple"\ndefault = true\n'
    setup = asked(tmp_path, {UV: text}, UV_INDEX_MY_OWN_USERNAME="me", UV_INDEX_MY_OWN_PASSWORD="secret")
    assert (setup.address, setup.login) == ("https://main.example/simple/", ("me", "secret"))
    assert asked(tmp_path, {UV: '[pip]\nindex-url = "https://pip-table.example/simple"\n'}).address == "https://pip-table.example/simple/"
    assert asked(tmp_path, {UV: 'index-url = "https://x.example/"\n'}, UV_NO_CONFIG="1", PIP_INDEX_URL="https://y.example").address == "https://y.example/"


def test_credentials_are_kept_apart(tmp_path: Path) -> None:
    setup = asked(tmp_path, {PIP: "[global]\nindex-url = https://me:se%20cret@h.example:8443/simple?token=1#x\n"})
    assert (setup.address, setup.login) == ("https://h.example:8443/simple/", ("me", "se cret"))
    setup = asked(tmp_path, {}, UV_DEFAULT_INDEX="corp=https://h.example/simple", UV_INDEX_CORP_USERNAME="u", UV_INDEX_CORP_PASSWORD="p")
    assert setup.login == ("u", "p")


def test_proxy_and_certificates(tmp_path: Path) -> None:
    text = "[global]\nindex-url = https://h.example/simple\nproxy = http://proxy.example:3128\ncert = /certs/a.pem\nclient_cert = /certs/me.pem\n"
    setup = asked(tmp_path, {PIP: text})
    assert (setup.proxy, setup.verify, setup.client) == ("http://proxy.example:3128", "/certs/a.pem", "/certs/me.pem")
    assert asked(tmp_path, {}, PIP_CERT="/certs/b.pem", PIP_PROXY="http://other").verify == "/certs/b.pem"
    (tmp_path / PIP).write_text("[install]\nindex-url = https://h.example/simple\n[global]\nindex-url = https://no.example\n")
    assert asked(tmp_path, {}, SSL_CERT_FILE="/certs/c.pem").verify == "/certs/c.pem"
    assert asked(tmp_path, {}).address == "https://h.example/simple/" and asked(tmp_path, {}).verify is True
    assert asked(tmp_path, {}, PIP_TRUSTED_HOST="x.example h.example").verify is False
    assert asked(tmp_path, {}, PIP_TRUSTED_HOST="x.example").verify is True
    assert asked(tmp_path, {UV: 'allow-insecure-host = ["h.example"]\n'}).verify is False


def test_pip_reads_no_file_when_told_so(tmp_path: Path) -> None:
    files = {PIP: "[global]\nindex-url = https://h.example/simple\nproxy = http://p\n", "own.conf": "[global]\nproxy = http://q\n"}
    assert asked(tmp_path, files, PIP_CONFIG_FILE="/dev/null", PIP_INDEX_URL="https://i.example").proxy is None
    assert asked(tmp_path, files, PIP_CONFIG_FILE=str(tmp_path / "own.conf")).proxy == "http://q"
    assert asked(tmp_path, files, PIP_CONFIG_FILE=str(tmp_path / "own.conf")).address == "https://h.example/simple/"


@pytest.mark.parametrize(
    ("name", "text"), [(UV, "index-url = ["), (UV, "[" * 50_000), (PIP, "index-url = x\n"), (PIP, "[global\n"), (PIP, "\0\0[[[=")]
)
def test_a_malformed_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(UsageError, match=name.rsplit("/", 1)[-1]):
        asked(tmp_path, {name: text})


@pytest.mark.parametrize("address", ["file:///opt/simple", "ftp://x.example/", "nonsense", "http://", "https://h:port/simple", "http://[bad"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError, match="package index"):
        asked(tmp_path, {}, PIP_INDEX_URL=address)


def test_no_index_is_respected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-index"):
        asked(tmp_path, {PIP: "[global]\nno-index = true\n"})


def test_pip_or_uv_is_asked_for_its_own_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    by_pip = asked(tmp_path, {}).address
    assert by_pip.startswith("https://") and by_pip.endswith("/simple/")
    monkeypatch.setattr(module, "ASK_PIP", "raise SystemExit(1)")
    assert asked(tmp_path, {}).address == by_pip, "uv, where pip is not beside us"
