"""Run README.md's commands on a minimal machine.

`python -m tests.bare_root` creates a root file system of Debian 12 with `python3`, `python3-venv`, `git`,
`ca-certificates` and nothing else. It copies this checkout into it, and runs the commands that README.md tells a new
user to run. Nothing of this machine's /usr is visible inside. It needs root, mmdebstrap and util-linux.

Exit status: that of the first command that failed, else 0; 2 if the root file system cannot be created.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clusters.toolchain.cache import ToolFailed
from clusters.toolchain.debian import root_file_system

HOUSE = Path(__file__).parents[1]
CHECKOUT = HOUSE.name
PACKAGES = ("python3", "python3-venv", "git", "ca-certificates")

#: How this machine reaches package registries: variables, files that variables name, and other files.
_VARIABLES = re.compile(r"(?i:PIP_\w+|UV_\w+|NPM_CONFIG_\w+|\w+_PROXY)|GO(PROXY|SUMDB|NOSUMDB|PRIVATE)")
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PIP_CERT")
_FILES = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/uv/uv.toml", "/etc/ssl/certs/ca-certificates.crt")

#: Makes the folder $1 the root of this mount namespace, mounts the folder $2 at $3, and runs the arguments after $4.
#: If $4 is `chroot`, it changes the root directory without a namespace, and the kernel refuses user namespaces inside.
_ENTER = """
root=$1 cache=$2 at=$3 how=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
if [[ $cache ]]; then
    mount --bind "$cache" "$root$at"
fi
cd "$root"
if [[ $how == chroot ]]; then
    setpriv --bounding-set -sys_admin chroot . "$@"
else
    pivot_root . .
    umount --lazy .
    "$@"
fi
"""


@dataclass(frozen=True)
class BareRoot:
    """The root file system in `folder`, and its user.

    cache: the folder of this machine to use as the user's ~/.cache; None for an empty one.
    refuses_namespaces: whether the kernel refuses user namespaces inside.
    """

    folder: Path
    user: str = "root"
    cache: Path | None = None
    refuses_namespaces: bool = False

    @property
    def home(self) -> str:
        return "/root" if self.user == "root" else f"/home/{self.user}"

    def prepare_rootfs(self) -> None:
        """Fill the folder with Debian, the user, this checkout, and the settings for package registries.

        Raises ToolFailed, or CalledProcessError for a user name that Debian rejects.
        """
        _run("tar", "--extract", "--numeric-owner", "--file", root_file_system(PACKAGES), "--directory", self.folder)
        for name in {*_FILES, *(os.environ[name] for name in _CERTIFICATES if name in os.environ)}:
            if Path(name).is_file():
                _copy(Path(name), self._inside(name))
        if self.user != "root":
            _run("chroot", self.folder, "useradd", "--create-home", self.user)
        for name in _files_of_checkout():
            _copy(HOUSE / name, self._inside(f"{self.home}/{CHECKOUT}/{name}"))
        self._inside(f"{self.home}/.cache").mkdir()
        self._inside("/dev").mkdir(exist_ok=True)
        _run("chroot", self.folder, "chown", "--recursive", f"{self.user}:", self.home)
        if self.cache:
            self.cache.mkdir(parents=True, exist_ok=True)
            owner = int(_run("chroot", self.folder, "id", "--user", self.user))
            os.chown(self.cache, owner, owner)

    def run(self, command: str) -> int:
        """Run a shell command as the user, in the checkout; return its exit status."""
        variables = {
            "HOME": self.home,
            "USER": self.user,
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "TERM": os.environ.get("TERM", "dumb"),
            **{name: value for name, value in os.environ.items() if self._passes(name, value)},
        }
        clean = [
            "env",
            "-i",
            "-C",
            f"{self.home}/{CHECKOUT}",
            *(f"{name}={value}" for name, value in variables.items()),
        ]
        user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups", "--"]
        how = "chroot" if self.refuses_namespaces else "pivot_root"
        script = ["bash", "-euc", _ENTER, "enter", str(self.folder), str(self.cache or ""), f"{self.home}/.cache", how]
        # When this process ends for any reason, the namespaces end too, with all processes and mounts inside.
        enter = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
        with subprocess.Popen([*enter, *script, *clean, *user, "sh", "-c", command]) as inside:
            try:
                return inside.wait()
            finally:
                inside.kill()

    def used_mb(self) -> int:
        """Return the size of the home directory and its cache in MB."""
        folders = [self._inside(self.home), *([self.cache] if self.cache else [])]
        return int(_run("du", "--summarize", "--total", "--block-size=1M", *folders).splitlines()[-1].split()[0])

    def _inside(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def _passes(self, name: str, value: str) -> bool:
        """Return whether a variable configures package registries and does not name a path that is missing inside."""
        about = name in _CERTIFICATES or _VARIABLES.fullmatch(name)
        return bool(about) and not (value.startswith("/") and not self._inside(value).exists())


def commands(readme: str) -> list[str]:
    """Return the two commands that README.md tells a new user to run, without their comments.

    Raises ValueError if README.md has more or fewer of them.
    """
    typed = re.findall(r"^\$ (.*tox -e (?:conformance|tests)) +#", readme, re.M)
    if len(typed) != 2:
        raise ValueError(f"README.md has {len(typed)} commands `tox -e conformance` and `tox -e tests`, not 2")
    return typed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the commands; see the module's docstring."""
    options = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    first, second = commands((HOUSE / "README.md").read_text())
    typed = [" -- ".join([first, *filter(None, [shlex.join(options.arguments)])])]
    if options.tests is not None:
        typed.append(" -- ".join([second, *filter(None, [options.tests])]))
    cache = options.cache.absolute() / options.user if options.cache else None
    if os.geteuid():
        sys.stderr.write("only root can enter a root file system: run this with sudo\n")
        return 2
    # /tmp can be a file system in memory.
    with tempfile.TemporaryDirectory(prefix="bare-root-", dir="/var/tmp") as folder:
        bare = BareRoot(Path(folder), options.user, cache, options.refuse_namespaces)
        try:
            bare.prepare_rootfs()
        except (ToolFailed, subprocess.CalledProcessError) as failure:
            sys.stderr.write(f"{failure}\n")
            return 2
        statuses = [_timed(bare, command) for command in typed]
    return next(filter(None, statuses), 0)


def _timed(bare: BareRoot, command: str) -> int:
    _say(f"{bare.user}: {command}")
    began, before, received_mb = time.monotonic(), os.times(), _received_mb()
    status = bare.run(command)
    wall_s, after = time.monotonic() - began, os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    _say(
        f"{bare.user}: exit {status} after {wall_s:.0f} s, {cpu_s:.0f} s of CPU; this machine received "
        f"{_received_mb() - received_mb:.0f} MB; {bare.used_mb()} MB in {bare.home}"
    )
    return status


def _received_mb() -> float:
    """Return how much data this machine has received from other machines, in MB."""
    lines = [line.split() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    return sum(int(received) for name, received, *_ in lines if name != "lo:") / 1e6


def _say(line: str) -> None:
    sys.stdout.write(f"\n=== {line}\n\n")
    sys.stdout.flush()


def _files_of_checkout() -> list[str]:
    """Return the tracked files, and the untracked ones that git does not ignore, so that uncommitted changes count."""
    listed = _run("git", "-C", HOUSE, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.split("\0") if name and (HOUSE / name).is_file()]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _run(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bare_root", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("arguments", nargs="*", metavar="ARG", help="after `--`: arguments of the first command's run")
    parser.add_argument(
        "--tests",
        nargs="?",
        const="",
        metavar="ARGS",
        help="run the second command too, with these arguments of its run. Default: only the first command",
    )
    parser.add_argument("--user", default="root", metavar="NAME", help="who runs them. Default: root")
    parser.add_argument(
        "--refuse-namespaces",
        action="store_true",
        help="have the kernel refuse user namespaces inside, as it does in many containers",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep each user's ~/.cache below this folder. Default: start cold"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
