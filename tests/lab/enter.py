"""Run inside a private mount namespace: dress the machine as one with an NVIDIA GPU, then become the given program.

    unshare --mount python enter.py SPEC.json ARGV...

The spec is written by ``machine.py``. Every mount is private to this process and its children: nothing of it is seen
outside, and it ends with them. Standard library only.
"""

import fnmatch
import json
import os
import shutil
import stat
import subprocess
import sys
from typing import Any


def mount(*argv: str) -> bool:
    return subprocess.run(["mount", *argv], capture_output=True).returncode == 0


def must(done: bool, what: str) -> None:
    if not done:
        sys.exit(f"lab: cannot mount {what}")


def tmpfs(path: str) -> None:
    must(mount("-t", "tmpfs", "-o", "mode=755", "lab", path), path)


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def bind_text(scratch: str, path: str, text: str) -> None:
    """Show ``text`` in the place of the file ``path``."""
    beside = os.path.join(scratch, path.strip("/").replace("/", "_"))
    write(beside, text)
    must(mount("--bind", beside, path), path)


def same_entries(folder: str, keep: str) -> None:
    """A tmpfs over ``folder`` with links to its old entries, which stay reachable at ``keep``."""
    targets = {name: os.path.realpath(os.path.join(folder, name)) for name in os.listdir(folder)}
    os.makedirs(keep, exist_ok=True)
    must(mount("--bind", folder, keep), keep)
    tmpfs(folder)
    for name, target in targets.items():
        covered = target.startswith(folder + "/")
        os.symlink(keep + target[len(folder) :] if covered else target, os.path.join(folder, name))


def lay_over(top: str, folder: str) -> bool:
    """``folder`` with the files of ``top`` among its own."""
    return mount("-t", "overlay", "lab", "-o", f"ro,lowerdir={top}:{folder}", folder)


def hide(patterns: list[str], scratch: str) -> None:
    """Take what matches out of its folder, by an overlay's whiteouts: the host's own toolkit is not the machine's."""
    for pattern in patterns:
        folder = os.path.dirname(pattern)
        if folder == "/" or not os.path.isdir(folder):  # see other_root
            continue
        names = [name for name in os.listdir(folder) if fnmatch.fnmatch(name, os.path.basename(pattern))]
        if not names:
            continue
        stage = f"{scratch}/hidden{folder}"
        os.makedirs(stage)
        for name in names:
            os.mknod(f"{stage}/{name}", stat.S_IFCHR, os.makedev(0, 0))
        must(lay_over(stage, folder), f"over {folder}")


def driver_files(spec: dict[str, Any], scratch: str) -> None:
    """The driver's libraries where the distribution puts them, known to ld.so.cache, and nvidia-smi on PATH."""
    conf = "include /etc/ld.so.conf\n"
    if not lay_over(spec["libraries"], spec["library_folder"]):
        conf = spec["libraries"] + "\n" + conf
    if spec["programs"] and not lay_over(spec["programs"], "/usr/bin"):
        os.environ["PATH"] = spec["programs"] + os.pathsep + os.environ.get("PATH", os.defpath)
    write(f"{scratch}/ld.so.conf", conf)
    cache = f"{scratch}/ld.so.cache"
    ldconfig = "/sbin/ldconfig"
    subprocess.run([ldconfig, "-X", "-f", f"{scratch}/ld.so.conf", "-C", cache], check=True, capture_output=True)
    must(mount("--bind", cache, "/etc/ld.so.cache"), "/etc/ld.so.cache")


def kernel_files(spec: dict[str, Any], scratch: str) -> None:
    """/proc and /sys as the kernel module and the PCI bus show themselves."""
    tmpfs("/proc/driver")
    write("/proc/driver/nvidia/stand-in", spec["settings"])
    module = spec["kernel_module"]
    if module:
        write("/proc/driver/nvidia/version", spec["proc_version"])
        if os.path.exists("/proc/modules"):  # a kernel built without modules has none
            with open("/proc/modules", encoding="utf-8") as file:
                loaded = file.read()
            names = "nvidia_uvm 1536000 0 - Live 0x0\nnvidia 56688640 1 nvidia_uvm, Live 0x0\n"
            bind_text(scratch, "/proc/modules", names + loaded)
        same_entries("/sys/module", f"{scratch}/sys_module")
        write("/sys/module/nvidia/version", module + "\n")
        write("/sys/module/nvidia/initstate", "live\n")
        write("/sys/module/nvidia_uvm/initstate", "live\n")
    same_entries("/sys/bus/pci/devices", f"{scratch}/pci")
    for card in spec["cards"]:
        folder = f"/sys/bus/pci/devices/{card['address']}"
        if os.path.islink(folder):
            os.unlink(folder)
        for name, text in card["files"].items():
            write(f"{folder}/{name}", text + "\n")
        if card["driver"]:
            os.makedirs(f"{scratch}/drivers/{card['driver']}", exist_ok=True)
            os.symlink(f"{scratch}/drivers/{card['driver']}", f"{folder}/driver")
        if module and card["information"]:
            write(f"/proc/driver/nvidia/gpus/{card['address']}/information", card["information"])


def device_nodes(spec: dict[str, Any], scratch: str) -> None:
    """/dev with its ordinary nodes, and NVIDIA's where the machine has them."""
    kept = f"{scratch}/dev"
    os.makedirs(kept, exist_ok=True)
    must(mount("--rbind", "/dev", kept), "/dev")
    must(mount("-t", "tmpfs", "-o", "mode=755,dev", "lab", "/dev"), "/dev")
    for name in os.listdir(kept):
        if name.startswith("nvidia"):
            continue
        path, old = f"/dev/{name}", f"{kept}/{name}"
        if os.path.islink(old):
            os.symlink(os.readlink(old), path)
        elif os.path.isdir(old):
            os.mkdir(path)
            mount("--rbind", old, path)
        elif name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"):
            open(path, "wb").close()
            mount("--bind", old, path)
    for name, (major, minor) in spec["nodes"].items():
        mode = stat.S_IFCHR | spec["node_mode"]
        try:
            os.mknod(f"/dev/{name}", mode, os.makedev(major, minor))
            os.chmod(f"/dev/{name}", spec["node_mode"])
            if spec["locked"]:
                os.chown(f"/dev/{name}", 65534, 65534)
        except PermissionError:  # no device nodes in a user namespace: an ordinary file has at least the name
            open(f"/dev/{name}", "wb").close()


def kernel_log(text: str | None, scratch: str) -> None:
    """dmesg prints the machine's own kernel log, or refuses; the host's is nobody's business here."""
    stage = f"{scratch}/dmesg"
    shown = f"cat {stage}/said" if text is not None else "echo 'dmesg: read kernel buffer failed: Operation not permitted' >&2; exit 1"
    write(f"{stage}/said", text or "")
    write(f"{stage}/bin/dmesg", f"#!/bin/sh\n{shown}\n")
    os.chmod(f"{stage}/bin/dmesg", 0o755)
    lay_over(f"{stage}/bin", "/usr/bin")


def given_files(files: dict[str, str], scratch: str) -> None:
    """Texts at their paths. An ordinary folder gets an overlay; /proc and /sys, where nothing can be laid, a tmpfs or a bound file."""
    for number, (path, text) in enumerate(files.items()):
        folder = os.path.dirname(path)
        if folder == "/":  # see other_root
            continue
        if path.startswith(("/dev/", "/proc/driver/", "/sys/bus/pci/devices/", "/sys/module/")):
            write(path, text)
        elif os.path.exists(path) and path.startswith(("/proc/", "/sys/", "/etc/")):
            bind_text(scratch, path, text)
        else:
            while not os.path.isdir(folder):
                folder = os.path.dirname(folder)
            if folder.startswith("/sys"):
                tmpfs(folder)
                write(path, text)
            else:
                write(f"{scratch}/given/{number}{path[len(folder):]}", text)
                must(lay_over(f"{scratch}/given/{number}", folder), f"over {folder}")


def other_root(hidden: list[str], files: dict[str, str], scratch: str) -> None:
    """A root folder without what is hidden in it, and with what is given there: a container's mark, for one."""
    gone = {name for name in os.listdir("/") if any(fnmatch.fnmatch(f"/{name}", pattern) for pattern in hidden)}
    given = {path: text for path, text in files.items() if os.path.dirname(path) == "/"}
    if not gone and not given:
        return
    root = f"{scratch}/root"
    os.makedirs(root)
    tmpfs(root)
    for name in os.listdir("/"):
        old, new = f"/{name}", f"{root}/{name}"
        if name in gone or old in given:
            continue
        if os.path.islink(old):
            os.symlink(os.readlink(old), new)
        elif os.path.isdir(old):
            os.mkdir(new)
            must(mount("--rbind", old, new), new)
        else:
            open(new, "wb").close()
            must(mount("--bind", old, new), new)
    for path, text in given.items():
        write(root + path, text)
    os.chmod(f"{root}/tmp", os.stat("/tmp").st_mode & 0o7777)
    os.chroot(root)


def main() -> None:
    spec_path, argv = sys.argv[1], sys.argv[2:]
    with open(spec_path, encoding="utf-8") as file:
        spec = json.load(file)
    scratch = spec["scratch"]
    must(mount("--make-rprivate", "/"), "/ private")
    must(mount("-t", "tmpfs", "lab", scratch), scratch)
    hide(spec["hidden"], scratch)
    for folder, stage in spec["over"].items():
        if not os.path.isdir(folder):
            nearest = folder
            while not os.path.isdir(nearest):
                nearest = os.path.dirname(nearest)
            place = f"{scratch}/over{folder}"
            shutil.copytree(stage, place, symlinks=True)
            folder, stage = nearest, f"{scratch}/over{nearest}"
        must(lay_over(stage, folder), f"{stage} over {folder}")
    if spec["libraries"]:
        driver_files(spec, scratch)
    kernel_files(spec, scratch)
    device_nodes(spec, scratch)
    kernel_log(spec["kernel_log"], scratch)
    given_files(spec["files"], scratch)
    other_root(spec["hidden"], spec["files"], scratch)
    if spec["locked"]:
        argv = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", *argv]
    environ = spec["environ"]
    if os.environ.get("PATH", "").startswith(str(spec["programs"]) + os.pathsep):
        environ = {**environ, "PATH": f"{spec['programs']}{os.pathsep}{environ.get('PATH', os.defpath)}"}
    try:
        os.chdir(spec["cwd"])
        os.execvpe(argv[0], argv, environ)
    except OSError as error:
        sys.exit(f"lab: {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
