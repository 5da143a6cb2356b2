"""huggingface_hub, one call per file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from huggingface_hub import HfApi, hf_hub_download


def jobs(source: str) -> Iterator[tuple[str, Callable[[str], object]]]:
    """The relative path of each file, and a function that downloads it to a given path."""
    repository = source.removeprefix("hf://")

    def fetch(name: str, path: str) -> None:
        hf_hub_download(repository, name, local_dir=path.removesuffix(name))

    for name in HfApi().list_repo_files(repository):
        yield name, partial(fetch, name)
