"""Where the dataset lies: a folder the user names, the user's updated one, the installed package data, the checkout.

The unit is a ``Folder``, which reads whole files and parts of files. It chooses a place and reads
bytes; it knows neither the format nor whether the bytes are right.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Callable

from fixer.errors import ConvfixError, UsageError
from fixer.model.record import record

VARIABLE = "CONVFIX_DATA_DIR"
PACKAGE = "fixer.compat_data"
MANIFEST = "manifest.json"
LARGEST = 32 << 20


@record(frozen=True)
class Folder:
    """A folder of data files. ``bundled`` is True for the data that came with this convfix.

    ``instead`` is set for the user's updated dataset: the bundle, which holds where the update is damaged.
    """

    path: str
    bundled: bool
    instead: Folder | None = None

    def read(self, name: str) -> bytes:
        """All bytes of the file ``name``; raises ConvfixError that names it."""
        return self.part(name, 0, -1)

    def state(self, name: str) -> tuple[int, ...]:
        """What tells the file ``name`` from another one that is put in its place; () where there is none."""
        try:
            seen = os.stat(os.path.join(self.path, name))
        except OSError:
            return ()
        return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns

    def part(self, name: str, offset: int, length: int) -> bytes:
        """``length`` bytes of ``name`` from ``offset`` (-1: to the end); raises ConvfixError that names it."""
        path = os.path.join(self.path, name)
        try:
            # O_NONBLOCK: a named pipe in the place of a file must not hang us.
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
                    raise unreadable(path, f"expected a file of at most {LARGEST >> 20} MiB")
                file.seek(offset)
                return _exactly(file.read, LARGEST if length < 0 else length)
        except OSError as error:
            raise unreadable(path, error.strerror or str(error)) from None


def unreadable(path: str, why: str) -> ConvfixError:
    """The one line for a dataset that cannot be used, naming the file."""
    return ConvfixError("dataset-damaged", f"{path}: {why}", "install convfix again, or name a whole dataset by --data-dir")


def locate(data_dir: str | None = None) -> Folder:
    """The dataset's folder: ``data_dir``, CONVFIX_DATA_DIR, the updated one, the package data, the checkout, in this order.

    Raises UsageError when a named folder holds no dataset, ConvfixError when none is found at all.
    """
    named, by = (data_dir, "--data-dir") if data_dir else (os.environ.get(VARIABLE), VARIABLE)
    if named:
        folder = os.path.abspath(os.path.expanduser(named))
        if not os.path.isfile(os.path.join(folder, MANIFEST)):
            raise UsageError("no-dataset", f"{by}: {folder} holds no {MANIFEST}", "name a folder that holds a convfix dataset")
        return Folder(folder, bundled=False)
    own = bundle()
    place = _cached(own)
    return Folder(place, bundled=False, instead=own) if place is not None else own


def bundle() -> Folder:
    """The dataset that came with this convfix; raises ConvfixError when there is none."""
    for place in (_package_folder(), _checkout_folder()):
        if place is not None and os.path.isfile(os.path.join(place, MANIFEST)):
            return Folder(place, bundled=True)
    raise unreadable(os.path.join(_checkout_folder(), MANIFEST), "convfix's own dataset is missing")


def _cached(own: Folder) -> str | None:
    from fixer.dataset.cache import CURRENT, cache

    held = cache()
    if not os.path.exists(os.path.join(held.folder, CURRENT)):
        return None
    return held.current(MANIFEST, lambda: own.read(MANIFEST))


def _package_folder() -> str | None:
    # The same folder that importlib.resources.files(PACKAGE) gives, without that module's start-up cost.
    try:
        package = importlib.import_module(PACKAGE)
    except ImportError:
        return None
    return next(iter(package.__path__), None)


def _checkout_folder() -> str:
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(os.path.dirname(os.path.dirname(here)), "compat_data")


def _exactly(read: Callable[[int], bytes | None], length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        piece = read(length - len(data))
        if not piece:
            break
        data += piece
    return bytes(data)
