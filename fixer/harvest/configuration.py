"""How this user reaches the package index, read from pip's and uv's own configuration: variables, then files.

The unit is ``Configuration``. No address is written here: without a configured one pip, then uv, is asked
for its own default. uv's settings go before pip's. Extra indexes are left out, since TensorFlow's
releases come from the main one. Credentials are handed on apart from the address, so that the address may be shown.
"""

from __future__ import annotations

import configparser
import importlib
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from fixer.errors import UsageError
from fixer.host.base import Host
from fixer.model.record import record

ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
_DEFAULT_OF_UV = re.compile(r"default package index \(by default: <(https?://[^>\s]+)>")
_LARGEST = 1 << 20
_TRUE = ("1", "true", "yes", "on", "y", "t")


@record(frozen=True)
class Configuration:
    """The index's address without credentials, ending in a slash, and how to talk to it.

    ``login`` is a user's name and password; ``verify`` a file of certificates, True for the usual ones, False
    for a host that the user trusts without; ``client`` the user's own certificate.
    """

    address: str
    login: tuple[str, str] | None = None
    proxy: str | None = None
    verify: str | bool = True
    client: str | None = None


def configuration(host: Host) -> Configuration:
    """What pip and uv would use here; raises UsageError where there is no index to ask."""
    pip, uv = _pip(host), _uv(host)
    name, address = _address(host, pip, uv)
    if not address and pip.get("no-index", "").lower() in _TRUE:
        raise UsageError("no-index", "pip's configuration says no-index: there is no package index to ask")
    address = address or _default(host)
    if not address:
        raise UsageError("no-index", "no package index: configure one for pip or uv")
    bare = _bare(address)
    if not bare:
        raise UsageError("no-index", "the configured package index is no address: expected http:// or https://")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("no-index", f"the configured package index is {bare!r}: expected an http or https address")
    trusted = {*pip.get("trusted-host", "").split(), *map(str, _listed(uv.get("allow-insecure-host")))}
    trusted |= {*host.environ.get("UV_INSECURE_HOST", "").split()}
    return Configuration(
        address=bare.rstrip("/") + "/",
        login=_login(host, parts, name),
        proxy=pip.get("proxy") or None,
        verify=False if trusted & {parts.hostname, f"{parts.hostname}:{parts.port}"} else _certificates(host, pip, uv),
        client=pip.get("client-cert") or host.environ.get("SSL_CLIENT_CERT") or None,
    )


def _address(host: Host, pip: Mapping[str, str], uv: Mapping[str, Any]) -> tuple[str, str]:
    """(name of uv's index or "", address or "")."""
    given = host.environ.get("UV_DEFAULT_INDEX")
    if given:
        name, separator, url = given.partition("=")
        return (name, url) if separator and re.fullmatch(r"[\w.-]+", name) else ("", given)
    if host.environ.get("UV_INDEX_URL"):
        return "", host.environ["UV_INDEX_URL"]
    if host.environ.get("PIP_INDEX_URL"):
        return "", host.environ["PIP_INDEX_URL"]
    for index in _listed(uv.get("index")):
        if isinstance(index, dict) and index.get("default") is True and isinstance(index.get("url"), str):
            return str(index.get("name", "")), index["url"]
    of_pip = uv.get("pip")
    for table in (uv, of_pip if isinstance(of_pip, dict) else {}):
        if isinstance(table.get("index-url"), str):
            return "", table["index-url"]
    return "", pip.get("index-url", "")


def _login(host: Host, parts: Any, name: str) -> tuple[str, str] | None:
    key = re.sub(r"[^A-Z0-9]", "_", name.upper())
    user = host.environ.get(f"UV_INDEX_{key}_USERNAME") if name else None
    secret = host.environ.get(f"UV_INDEX_{key}_PASSWORD") if name else None
    if user or secret:
        return user or "", secret or ""
    return (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username or parts.password else None


def _certificates(host: Host, pip: Mapping[str, str], uv: Mapping[str, Any]) -> str | bool:
    for path in (pip.get("cert"), host.environ.get("SSL_CERT_FILE"), host.environ.get("REQUESTS_CA_BUNDLE")):
        if path:
            return path
    native = host.environ.get("UV_NATIVE_TLS") or host.environ.get("UV_SYSTEM_CERTS") or ""
    if native.lower() in _TRUE or uv.get("native-tls") is True or uv.get("system-certs") is True:
        import ssl

        return ssl.get_default_verify_paths().cafile or True
    return True


def _bare(address: str) -> str:
    """``address`` without credentials, query and fragment."""
    try:
        parts = urlsplit(address)
        place = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        return urlunsplit((parts.scheme, f"{place}:{parts.port}" if parts.port else place, parts.path, "", ""))
    except ValueError:
        return ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _uv(host: Host) -> dict[str, Any]:
    """uv's settings: of the user, then of the system."""
    made: dict[str, Any] = {}
    if host.environ.get("UV_NO_CONFIG", "").lower() in _TRUE:
        return made
    home = host.environ.get("XDG_CONFIG_HOME") or posixpath.join(host.environ.get("HOME") or "/", ".config")
    named = host.environ.get("UV_CONFIG_FILE")
    paths = [named] if named else [posixpath.join(home, "uv/uv.toml"), "/etc/xdg/uv/uv.toml", "/etc/uv/uv.toml"]
    reader = None
    for path in paths:
        text = host.text(path, _LARGEST)
        if text is None:
            continue
        reader = reader or importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
        try:
            read = reader.loads(text)
        except (ValueError, RecursionError):
            raise UsageError("malformed-configuration", f"{path}: expected TOML, as uv reads it") from None
        made = {**read, **made}
    return made


def _pip(host: Host) -> dict[str, str]:
    """pip's settings: variables, then the files that pip reads, the user's before the system's."""
    made: dict[str, str] = {}
    for path in _pip_files(host):
        text = host.text(path, _LARGEST)
        if text is None:
            continue
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(text)
        except configparser.Error:
            raise UsageError("malformed-configuration", f"{path}: expected the format of pip's configuration files") from None
        for section in ("global", "install"):
            if parser.has_section(section):
                made.update({key.replace("_", "-"): value.strip() for key, value in parser.items(section)})
    for name in ("proxy", "cert", "client-cert", "trusted-host", "no-index"):
        value = host.environ.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            made[name] = value
    return made


def _pip_files(host: Host) -> Iterator[str]:
    """In the order in which a later file overrides an earlier one."""
    own = host.environ.get("PIP_CONFIG_FILE")
    if own == "/dev/null":
        return
    home = host.environ.get("HOME") or "/"
    yield "/etc/xdg/pip/pip.conf"
    yield "/etc/pip.conf"
    yield posixpath.join(home, ".pip/pip.conf")
    yield posixpath.join(host.environ.get("XDG_CONFIG_HOME") or posixpath.join(home, ".config"), "pip/pip.conf")
    if host.environ.get("VIRTUAL_ENV"):
        yield posixpath.join(host.environ["VIRTUAL_ENV"], "pip.conf")
    if own:
        yield own


def _default(host: Host) -> str:
    """The address that pip, else uv, has built in."""
    ran = host.run([sys.executable, "-I", "-c", ASK_PIP])
    if ran.ok:
        return ran.stdout.strip()
    uv = host.which("uv")
    if uv is None:
        return ""
    said = host.run([uv, "help", "pip", "install"])
    found = _DEFAULT_OF_UV.search(" ".join(said.stdout.split()))
    return found[1] if found else ""
