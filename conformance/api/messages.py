"""Error messages: extract a program's own words, and check whether they name a cause."""

from __future__ import annotations

import re
from collections.abc import Iterable

from conformance.spec import Spec

#: The kubelet keeps this many bytes of a container's output as the termination message (FallbackToLogsOnError).
TERMINATION_MESSAGE_BYTES = 2048
#: The kubelet keeps at most this many lines of the output.
TERMINATION_MESSAGE_LINES = 80
#: A message that matches this many mutually exclusive causes names none. Real programs match two: they print the
#: server's words next to their own, or both possible reasons for one answer of a store.
AMBIGUOUS = 3
#: Output that does not name a cause: stack frames of Python, the JVM, Node and Go, lines at the DEBUG or INFO level,
#: and numbers in groups (clock readings, decimals, versions, addresses), in which 503 is not an HTTP status.
_UNSAID = re.compile(
    r"""^\ *File\ ".*",\ line\ \d+.*(?:\n\ {4,}\S.*)*
    |   ^[ \t]+at\ .*(?:\)|:\d+)$
    |   ^\t/.*\.go:\d+.*$
    |   ^.{0,60}?\b(?:DEBUG|INFO)\b.*
    |   ^.*\blevel"?[=:]\ ?"?(?:debug|info)\b.*
    |   (?<!\d)\d++(?:[.,:-]\d++)+""",  # possessive: reads many digits only once
    re.MULTILINE | re.VERBOSE,
)
#: Lines that report only that a program, or a part of it, could not start: a wrapper of a missing tool has not asked
#: the store. A path that is not a program ("No such file or directory: '/mnt/model'") stays.
_NOT_STARTED = re.compile(
    r"""
    # dash, bash, ash: "sh: 1: aws: not found", "/x/run.sh: line 3: aws: command not found", "sh: aws: not found"
        ^(?:[\w./-]*sh|/[\w./-]+):\ (?:line\ )?\d+:\ (?:exec:\ )?(?:
            [^\s:]+:\ (?:not\ found|No\ such\ file\ or\ directory|cannot\ execute\b.*)
        |   (?:\./|\S*/s?bin/)\S+:\ Permission\ denied)$
    |   ^(?:\S*/)?(?:ba|da|a|k|z)?sh:\ [^\s:]+:\ (?:not\ found|No\ such\ file\ or\ directory)$
    |   ^.*:\ (?:command\ not\ found$|bad\ interpreter:\ .*)
    # zsh: "zsh:1: command not found: aws", "zsh:1: no such file or directory: /usr/bin/aws"
    |   ^[\w./-]+:(?:\d+:)?\ (?:command\ not\ found|no\ such\ file\ or\ directory):\ \S+$
    # env, timeout, nice, xargs and others of coreutils, and busybox' env
    |   ^(?:\S*/)?(?:env|timeout|nice|nohup|setsid|stdbuf|xargs|sudo|chroot):\ .*(?:No\ such\ file|not\ found)\b.*
    # the dynamic loader
    |   ^.*\berror\ while\ loading\ shared\ libraries:.*
    # Go's os/exec
    |   ^.*\bexecutable\ file\ not\ found\ in\ \$PATH\b.*
    |   ^.*\bfork/exec\ \S+:\ no\ such\ file\ or\ directory\b.*
    # Python: subprocess, by its last frame or by a name without a folder; modules; the script itself
    |   ^\ *File\ ".*/subprocess\.py",\ line\ \d+,\ in\ _execute_child\n(?:\ {4,}.*\n)*\w*Error:\ .*
    |   ^.*\[Errno\ 2\]\ No\ such\ file\ or\ directory:\ '[\w-]+'$
    |   ^.*\bNo\ module\ named\b.*
    |   ^.*:\ can't\ open\ file\ .*:\ \[Errno\ 2\].*
    # Node: modules, child_process
    |   ^.*\bCannot\ find\ (?:module|package)\b.*(?:\nRequire\ stack:(?:\n-\ .*)*)?
    |   ^.*\bMODULE_NOT_FOUND\b.*
    |   ^.*\bspawn\ \S+\ ENOENT\b.*
    # the JVM: classes, ProcessBuilder
    |   ^.*\b(?:ClassNotFoundException|NoClassDefFoundError)\b.*
    |   ^.*\bCould\ not\ find\ or\ load\ main\ class\b.*
    |   ^.*\bCannot\ run\ program\ ".*
    |   ^.*\bIOException:\ error=\d+,\ .*
    """,
    re.MULTILINE | re.VERBOSE,
)


def own_words(text: str, given: Iterable[str]) -> str:
    """Return the program's own words. Spaces replace everything else, so that bytes and lines keep their positions.

    Removes `given` words (URIs, secrets, paths), because a program that repeats `s3://bucket/missing`, or prints a
    token with 503 in it, names no cause. Also removes traceback frames, lines marked INFO or DEBUG, numbers in groups
    (12:00:10.404), and lines about a tool that could not start.
    """
    words = sorted(filter(None, given), key=len, reverse=True)
    for pattern in [*map(re.compile, map(re.escape, words)), _NOT_STARTED, _UNSAID]:
        text = pattern.sub(_blank, text)
    return text


def _blank(match: re.Match[str]) -> str:
    return "\n".join(" " * len(line.encode()) for line in match[0].split("\n"))


def termination_message(text: str) -> str:
    """Return the part of a log that the kubelet keeps as the termination message."""
    lines = "".join(text.splitlines(keepends=True)[-TERMINATION_MESSAGE_LINES:])
    return lines.encode()[-TERMINATION_MESSAGE_BYTES:].decode(errors="replace")


def fault_of(said: str, cause: str, spec: Spec) -> str | None:
    """Describe why a program's own words do not name `cause`. None when they do."""
    if not spec.causes[cause].search(said):
        looked_for = "".join(f"\n    {pattern}" for pattern in spec.causes[cause].alternatives)
        return f"do not name the cause: {cause}\n  the suite looked for one of:{looked_for}"
    fitting = {name: found[0] for name, words in spec.exclusive.items() if (found := words.search(said))}
    if len(fitting) >= AMBIGUOUS:
        listed = ", ".join(f"{name} ({found!r})" for name, found in fitting.items())
        return f"match several contradictory causes, so the cause is unclear: {listed}"
    return None
