"""Commands that convfix must never advise, as shapes of argv; the folk remedies of real reports are among them.

The unit is one argv. ``harm(argv)`` names what is wrong with it, or gives None. A shape is listed because people
were told to do it and were hurt, not because convfix was seen to say it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PIP = r"(?:\S*/)?(?:pip[\d.]*|python[\d.]*(?: -I)? -m pip|conda|mamba|uv|uv pip)"
# What a command looks like, words joined by one space; and why nobody should be told to run it.
_SHAPES: tuple[tuple[str, str], ...] = (
    (rf"^sudo (?:-\w+ )*{_PIP} ", "installs packages as root"),
    (r"^sudo (?:-\w+ )*(?:\S*/)?(?:python|jupyter|ipython)", "runs the user's program as root, and leaves root's files in ~/.nv"),
    (r"--break-system-packages", "overrides the distribution's own Python"),
    (r"--ignore-requires-python", "installs a wheel for another Python"),
    (r"^(?:pip|pip3|pip\d[.\d]*) install", "installs into whichever environment answers to pip"),
    (r"\bpip install\b.*--user\b", "installs where every environment sees it"),
    (r"\binstall\b.*\btensorflow-gpu\b(?!==(?:1|2\.(?:\d|1[01]))\b)", "the retired package"),
    (r"\b(?:conda|mamba) update (?:\S+ )*--all", "can swap the GPU build for a CPU build"),
    (r"\bln (?:-\w+ )+", "a link under another soname hides a missing library until it is called"),
    (r"\b(?:apt|apt-get|aptitude) (?:\S+ )*(?:purge|remove|autoremove)\b", "takes the driver or more away"),
    (r"\b(?:dnf|yum|zypper) (?:\S+ )*(?:remove|erase|autoremove)\b", "takes the driver or more away"),
    (r"\bpacman -R", "takes the driver or more away"),
    (r"\brm (?:-\w*[rf]\w*)", "deletes without a way back"),
    (r"\bunlink\b|\bshred\b|\bmkfs|\bdd if=", "deletes without a way back"),
    (r"\bchmod (?:\S+ )*(?:0?777|666|a\+rwx?)", "opens it to everyone"),
    (r"\bkill(?:all)?\b|\bpkill\b|\bfuser -\w*k", "ends other people's programs"),
    (r"\brmmod\b|\bmodprobe (?:\S+ )*-r\b", "unloads a module that may be in use"),
    (r"--gpu-reset\b|nvidia-smi (?:\S+ )*-r\b", "resets a card that may be in use"),
    (r"(?i)system32", "freezes one version for the whole of Windows"),
    (r"(?i)dll-files", "an unknown binary"),
    (r"(?i)zlib\.dll", "not the interface of zlibwapi.dll"),
    (r"\bstubs\b", "the stub driver answers every program"),
    (r"\b(?:install|upgrade|update)\b.* (?:glibc|libc6|libc-bin)\b", "replaces the system's C library"),
    (r"LD_LIBRARY_PATH=\S*stubs|>> ?\S*(?:bashrc|profile|zshrc)", "a path that every program inherits"),
    (r"CUDA_VISIBLE_DEVICES=(?:-1\b|''|\"\"|$)", "hides every GPU; it moves the work to the CPU"),
    (r"memory_limit", "caps the memory silently"),
    (r"(?:curl|wget)\b.*\|", "runs what a server sends"),
    (r"^(?:ba|z|da)?sh -c\b|(?:^| )(?:&&|;|\|\|?|>>?)(?: |$)", "a shell line, not a command"),
    (r"mokutil (?:\S+ )*--disable-validation", "takes the protection away where enrolling a key suffices"),
    (r":latest-dkms", "follows branches that drop older cards"),
    (r"--privileged\b", "gives a container the whole machine"),
    (r"--trusted-host|--no-check-certificate|--insecure\b", "takes the protection of the connection away"),
)
_COMPILED = tuple((re.compile(shape), why) for shape, why in _SHAPES)
_BRANCH = re.compile(r"(?:nvidia-(?:driver|utils|dkms|tesla)|cuda-drivers|nvidia)[-:](\d{3})\b")


def harm(argv: Sequence[str], driver: str = "") -> str | None:
    """Why ``argv`` must not be advised to a person who reports ``driver`` (a version, or empty); None when it may."""
    line = " ".join(argv)
    for shape, why in _COMPILED:
        if shape.search(line):
            return why
    reported = re.match(r"\D*(\d{3})\b", driver)
    for branch in _BRANCH.findall(line):
        if reported and int(branch) < int(reported[1]):
            return f"goes back from driver {reported[1]} to {branch}"
    return None
