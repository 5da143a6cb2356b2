"""Derive the key of a cache entry from the code that builds it, so that no option can be missing from the key.

A build is a function. Its recipe consists of its source, the source of every function and class of this project that
it refers to, and the values of all names in them: versions, options, lists of packages. Comments and docstrings are
excluded.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import io
import logging
import re
import textwrap
import tokenize
from collections.abc import Callable, Iterator, Mapping, Set
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType

_OWN = frozenset({"clusters", "scenarios", "conformance", "tests"})
#: These modules run commands and store entries; they do not change the content of an entry.
_NOT_PART = frozenset({"clusters.toolchain.cache", __name__})
_PROJECT = Path(__file__).parents[2]
_PLAIN = (str, bytes, int, float, bool, type(None))


def recipe(build: Callable[..., object], root: Path) -> str:
    """Return all sources and values as text, each once.

    root  the folder of the cache. A path in it counts by its name, which contains the digest of that entry. Other
          files, and folders of the project, count by their content.
    Raises TypeError for a value of a type that has no text form.
    """
    return "\n".join(_Walk(root).lines("build", build))


class _Walk:
    """A traversal of everything that a build refers to."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[object] = set()

    def lines(self, name: str, value: object) -> Iterator[str]:
        """Yield the text of `name`, and of everything it refers to."""
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, _PLAIN):
            yield f"{name} = {value!r}"
        elif isinstance(value, Path):
            yield f"{name} = {self._place(value)}"
        elif isinstance(value, FunctionType | type):
            yield from self._code(name, value)
        elif isinstance(value, MethodType):
            yield from self.lines(f"{name}.self", value.__self__)
            yield from self.lines(name, value.__func__)
        elif isinstance(value, Mapping):
            yield from self.lines(name, sorted(value.items(), key=repr))
        elif isinstance(value, Set):
            yield from self.lines(name, sorted(value, key=repr))
        elif isinstance(value, list | tuple):
            for index, part in enumerate(value):
                yield from self.lines(f"{name}[{index}]", part)
        elif dataclasses.is_dataclass(value):
            yield from self._code(name, type(value))
            for field in dataclasses.fields(value):
                yield from self.lines(f"{name}.{field.name}", getattr(value, field.name))
        elif isinstance(value, re.Pattern):
            yield f"{name} = {value.pattern!r}"
        elif not isinstance(value, logging.Logger):
            raise TypeError(f"{name} is a {type(value).__name__}, which has no text: a recipe cannot refer to it")

    def _place(self, path: Path) -> str:
        if path.is_relative_to(self._root):
            return f"cache/{path.relative_to(self._root)}"
        if path.is_dir() and path.is_relative_to(_PROJECT):
            files = sorted(file for file in path.rglob("*") if file.is_file())
            return ", ".join(f"{file.relative_to(path)} {self._place(file)}" for file in files)
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(path)

    def _code(self, name: str, code: FunctionType | type) -> Iterator[str]:
        if not _is_own(code.__module__):
            yield f"{name} = {code.__module__}.{code.__qualname__}"
        elif code not in self._seen:
            self._seen.add(code)
            yield _source(code)
            members = vars(code).values() if isinstance(code, type) else [code]
            for function in (member for member in members if isinstance(member, FunctionType)):
                if function.__code__.co_filename == inspect.getfile(code):  # skip functions that `dataclass` generated
                    yield from self._names(function)

    def _names(self, function: FunctionType) -> Iterator[str]:
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            yield from self.lines(free, cell.cell_contents)
        yield from self.lines("defaults", function.__defaults__ or ())
        names = {name for name in _names_in(function.__code__) if not name.startswith("__")}
        for name in sorted(names & function.__globals__.keys()):
            value = function.__globals__[name]
            if not isinstance(value, ModuleType):
                yield from self.lines(name, value)
            elif _is_own(value.__name__):
                members = {key: member for key, member in vars(value).items() if not isinstance(member, ModuleType)}
                for attribute in sorted(names & members.keys()):
                    yield from self.lines(f"{name}.{attribute}", members[attribute])


def _is_own(module: str) -> bool:
    return module.partition(".")[0] in _OWN and module not in _NOT_PART


@cache
def _source(code: FunctionType | type) -> str:
    """Return the source without comments, docstrings and empty lines. The source of a lambda remains unchanged."""
    lines = textwrap.dedent(inspect.getsource(code))
    if code.__name__ == "<lambda>":
        return lines
    # Edit the text, because `ast.unparse` formats the same tree differently on other Python releases.
    rows: list[str] = ["", *lines.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(lines).readline):
        if token.type == tokenize.COMMENT:
            rows[token.start[0]] = rows[token.start[0]][: token.start[1]]
    for node in ast.walk(ast.parse(lines)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1):
                rows[number] = ""
    return "\n".join(row.rstrip() for row in rows if row.strip())


def _names_in(code: CodeType) -> set[str]:
    """Return every name in the code of a function, and of the functions inside it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return {*code.co_names, *(name for one in inner for name in _names_in(one))}
