"""Messages of a refusal: the part that is a program's own, and whether it tells a cause."""

from __future__ import annotations

import re
from collections.abc import Iterable

from conformance.spec import Spec

#: What the kubelet keeps of a container's output as its termination message (FallbackToLogsOnError), in bytes.
TERMINATION_MESSAGE_BYTES = 2048
#: As many lines of it, at most.
TERMINATION_MESSAGE_LINES = 80
#: A message that fits as many causes that exclude each other tells none. Real programs fit two: they print the
#: server's words beside their own, or both reasons that a store may have for one answer.
AMBIGUOUS = 3
#: What a program prints and does not say: frames of the stacks of Python, the JVM, Node and Go, lines that call
#: themselves information, and numbers in groups (clock readings, decimals, versions, addresses), among which 503 is no
#: HTTP status.
_UNSAID = re.compile(
    r"""^\ *File\ ".*",\ line\ \d+.*(?:\n\ {4,}\S.*)*
    |   ^[ \t]+at\ .*(?:\)|:\d+)$
    |   ^\t/.*\.go:\d+.*$
    |   ^.{0,60}?\b(?:DEBUG|INFO)\b.*
    |   ^.*\blevel"?[=:]\ ?"?(?:debug|info)\b.*
    |   (?<!\d)\d++(?:[.,:-]\d++)+""",  # possessive: a flood of digits is gone through once
    re.MULTILINE | re.VERBOSE,
)
#: Lines that tell no more than that a program, or a part of it, could not be started: who wraps a tool that is not
#: installed has not asked the store. A path that is no program's ("No such file or directory: '/mnt/model'") stays.
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
    """What a program says by itself; spaces stand for everything else, so that no byte and no line changes its place.

    Blank are `given` words (URIs, secrets, paths): whoever repeats `s3://bucket/missing`, or prints a token with 503 in
    it, has told no cause. So are traceback frames, lines marked INFO or DEBUG, numbers in groups (12:00:10.404), and
    lines about a tool that could not be started.
    """
    words = sorted(filter(None, given), key=len, reverse=True)
    for pattern in [*map(re.compile, map(re.escape, words)), _NOT_STARTED, _UNSAID]:
        text = pattern.sub(_blank, text)
    return text


def _blank(match: re.Match[str]) -> str:
    return "\n".join(" " * len(line.encode()) for line in match[0].split("\n"))


def termination_message(text: str) -> str:
    """What the kubelet keeps of a log."""
    lines = "".join(text.splitlines(keepends=True)[-TERMINATION_MESSAGE_LINES:])
    return lines.encode()[-TERMINATION_MESSAGE_BYTES:].decode(errors="replace")


def fault_of(said: str, cause: str, spec: Spec) -> str | None:
    """What is wrong with own words that should tell a cause of the spec; None when they tell it."""
    if not spec.causes[cause].search(said):
        looked_for = "".join(f"\n    {pattern}" for pattern in spec.causes[cause].alternatives)
        return f"do not tell the cause: {cause}\n  looked for any of:{looked_for}"
    fitting = {name: found[0] for name, words in spec.exclusive.items() if (found := words.search(said))}
    if len(fitting) >= AMBIGUOUS:
        listed = ", ".join(f"{name} ({found!r})" for name, found in fitting.items())
        return f"fit causes that exclude each other, and so tell none: {listed}"
    return None
