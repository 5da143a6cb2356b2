"""Start one program behind a start barrier, optionally in its own namespaces.

Usage: `python -I -S launcher.py PLAN`, where PLAN is a descriptor with a marshalled `Launch`. Each call of an
initializer starts one launcher, so it imports only modules that load within milliseconds. It imports nothing of this
project, which is not on its path. Reading order: `main` -> `_enter` (the namespaces) -> `_mount_rootfs` (the mounts) ->
`_begin` (the start barrier).
"""

from __future__ import annotations

import ctypes
import marshal
import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypedDict

    class Namespaces(TypedDict):
        """The namespaces of a call. See `plan.Plan`.

        root     the folder that becomes `/`.
        binds    path inside -> host path, read-only. A folder precedes the paths in it.
        scratch  path inside -> host path, writable.
        holes    the writable paths inside if the root is read-only; None if it is writable.
        small    (path inside, bytes) of a file system of limited size; None for none.
        user     UID and GID inside.
        info     the descriptor for the first process's ID, written as `{"child-pid": N}`.
        """

        root: str
        binds: dict[str, str]
        scratch: dict[str, str]
        holes: list[str] | None
        small: tuple[str, int] | None
        offline: bool
        user: tuple[int, int]
        info: int

    class Launch(TypedDict):
        """The program with its arguments, its whole environment, its parent process, and its namespaces."""

        argv: list[bytes]
        environment: dict[bytes, bytes]
        parent: int
        namespaces: Namespaces | None


# <linux/sched.h>
_NEW_MOUNTS, _NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_PIDS, _NEW_NET = (1 << bit for bit in (17, 26, 27, 28, 29, 30))
# <linux/mount.h>
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _SLAVE = 2, 4, 8, 1 << 12, 1 << 14, 1 << 19
_RDONLY_ATTR, _NOSUID_ATTR, _NODEV_ATTR = 1, 2, 4
_AT_RECURSIVE, _MNT_DETACH = 0x8000, 2
# Numbers of system calls without a wrapper in every C library; the first is the same everywhere, the second but here.
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155}.get(os.uname().machine, 41)
# <linux/prctl.h>, <linux/sockios.h>
_PDEATHSIG, _DROP_FROM_BOUNDING_SET, _NO_NEW_PRIVS, _SIOCSIFFLAGS, _IFF_UP = 1, 24, 38, 0x8914, 1
_CAPABILITY_VERSION_3 = 0x20080522
_SIGKILL, _IGNORED_BY_PYTHON = 9, (13, 25)  # SIGPIPE and SIGXFSZ

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "core": "/proc/kcore",
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    **{name: f"/proc/self/fd/{number}" for number, name in enumerate(("stdin", "stdout", "stderr"))},
}
#: Entries of /proc in which a user who is root outside could write.
_CLOSED = ("sys", "sysrq-trigger", "irq", "bus")

_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    """Start the program of the plan. Does not return."""
    with open(int(sys.argv[1]), "rb") as stream:
        launch: Launch = marshal.load(stream)  # noqa: S302 - written by the same interpreter
    try:
        _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
        if launch["namespaces"]:
            _enter(launch, launch["namespaces"])
        _renounce()
        _die_with_parent()  # not even a killed run leaves it behind
        if os.getppid() == launch["parent"]:  # it was not killed before that took effect
            _begin(launch)
    except OSError as error:
        sys.exit(f"{error.filename or error.args[0]}: {error.strerror}")
    sys.exit()


def _begin(launch: Launch) -> NoReturn:
    """Wait for a line on stdin, so that limits and process IDs are in place. Then become the program.

    A killed run never sends the line.
    """
    if not os.read(0, 1):
        os._exit(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in _IGNORED_BY_PYTHON:
        _LIBC.signal(number, None)
    program = launch["argv"][0]
    try:
        os.execve(program, launch["argv"], launch["environment"])  # noqa: S606 - the program under test
    except OSError as error:
        os.write(2, program + f": {error.strerror}\n".encode())
    os._exit(127)


def _renounce() -> None:
    """Drop the privileges of root, as in a pod."""
    for capability in range(64):
        _LIBC.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)  # fails for whoever has none
    _call("capset", (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def _enter(launch: Launch, names: Namespaces) -> NoReturn:
    """Create the namespaces, become their first process, and fork the program.

    Three processes result. The one outside waits. The first one inside has the privileges of the namespace and uses
    them only for the mounts. The program runs in a nested user namespace without privileges.
    """
    outside = os.getuid(), os.getgid()
    _call("unshare", _NEW_USER | _NEW_MOUNTS | _NEW_PIDS | _NEW_IPC | _NEW_UTS | names["offline"] * _NEW_NET)
    _become((0, 0), outside)
    alive, held = os.pipe()
    first = os.fork()
    if first:
        os.write(names["info"], b'{"child-pid": %d}' % first)
        os.waitpid(first, 0)
        os._exit(1)
    os.close(held)
    os.close(names["info"])
    _die_with_parent()
    if select.select([alive], [], [], 0)[0]:  # at its end: the one outside was killed before that took effect
        os._exit(1)
    if names["offline"]:
        _loop_back()
    _mount_rootfs(names)
    program = os.fork()
    if not program:
        os.setsid()
        _call("unshare", _NEW_USER)
        _become(names["user"], (0, 0))
        _begin(launch)
    while os.wait()[0] != program:  # it is the parent of whoever has lost his own
        pass
    os._exit(0)


def _die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends. The caller checks that it has not ended before."""
    _call("prctl", _PDEATHSIG, _SIGKILL, 0, 0, 0)


def _become(inside: tuple[int, int], outside: tuple[int, int]) -> None:
    """Map the user and group `outside` to `inside` in a new user namespace."""
    for name, line in (
        ("uid_map", f"{inside[0]} {outside[0]} 1"),
        ("setgroups", "deny"),  # or an unprivileged user may not map a group
        ("gid_map", f"{inside[1]} {outside[1]} 1"),
    ):
        file = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(file, line.encode())
        os.close(file)


def _mount_rootfs(names: Namespaces) -> None:
    """Make the mounts and make the folder the root. None of the host's other mounts remain."""
    root = names["root"]
    _mount("none", "/", flags=_REC | _SLAVE)  # mounts in here stay invisible outside
    _bind(root, root)
    for path in names["holes"] or ():
        _bind(root + path, root + path)
    for path, source in names["binds"].items():
        _make(root + path, folder=os.path.isdir(source))
        _bind(source, root + path, _RDONLY_ATTR)
    if names["small"]:
        path, size = names["small"]
        _mount("tmpfs", root + path, "tmpfs", _NOSUID | _NODEV, f"size={size},mode=755")
    _devices(f"{root}/dev")
    for path, source in names["scratch"].items():
        _make(root + path, folder=True)
        _bind(source, root + path)
    try:
        _mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    except PermissionError:  # a container's /proc hides something, and a new one would show it
        _bind("/proc", f"{root}/proc")
    for name in _CLOSED:
        path = f"{root}/proc/{name}"
        if os.path.exists(path):
            _bind(path, path, _RDONLY_ATTR)
    if names["holes"] is not None:
        _restrict(root, _RDONLY_ATTR, recursive=False)
    os.chdir(root)
    _check("pivot_root", _LIBC.syscall(_PIVOT_ROOT, b".", b"."))
    _call("umount2", b".", _MNT_DETACH)  # the old root, which lies over the new one
    os.chdir("/")


def _devices(folder: str) -> None:
    """Create the devices that every container has in /dev."""
    _mount("tmpfs", folder, "tmpfs", _NOSUID | _NOEXEC, "mode=755")
    for name in _DEVICES:
        _make(f"{folder}/{name}", folder=False)
        _mount(f"/dev/{name}", f"{folder}/{name}", flags=_BIND)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"{folder}/{name}")
    for name in ("shm", "pts"):
        os.mkdir(f"{folder}/{name}", 0o755)
    _mount("devpts", f"{folder}/pts", "devpts", _NOSUID | _NOEXEC, "newinstance,ptmxmode=0666,mode=620")


def _make(path: str, *, folder: bool) -> None:
    """Create a mount point. A read-only mount may already contain it."""
    os.makedirs(path if folder else os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _bind(source: str, target: str, attributes: int = 0) -> None:
    _mount(source, target, flags=_BIND | _REC)
    _restrict(target, attributes | _NOSUID_ATTR | _NODEV_ATTR, recursive=True)


def _restrict(path: str, attributes: int, *, recursive: bool) -> None:
    """Add attributes to a mount and, if `recursive`, to the mounts below it. Needs Linux 5.12."""
    given = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    done = _LIBC.syscall(_MOUNT_SETATTR, -100, os.fsencode(path), flags, given, ctypes.c_size_t(ctypes.sizeof(given)))
    _check(f"mount_setattr {path}", done)


def _mount(source: str, target: str, kind: str | None = None, flags: int = 0, settings: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, settings)]
    _check(f"mount {target}", _LIBC.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]))


def _loop_back() -> None:
    """Bring up the loopback interface, the only one in the namespace."""
    asked = ctypes.create_string_buffer(b"lo".ljust(16, b"\0") + _IFF_UP.to_bytes(2, sys.byteorder), 40)
    any_socket = _LIBC.socket(2, 2, 0)  # AF_INET, SOCK_DGRAM
    _check("ioctl", _LIBC.ioctl(any_socket, _SIOCSIFFLAGS, asked))
    os.close(any_socket)


def _call(function: str, *arguments: object) -> None:
    _check(function, _LIBC[function](*arguments))


def _check(what: str, returned: int) -> None:
    if returned == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main()
