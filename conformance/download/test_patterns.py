"""STORAGE_ALLOW_PATTERNS and STORAGE_IGNORE_PATTERNS select the files of a model."""

import json

import pytest

from conformance import rule
from conformance.api.fetcher import Fetcher
from scenarios.content.models import under
from scenarios.stores.base import Store

TREE = {"config.json": b"{}", "a.safetensors": b"a", "b.bin": b"b", "onnx/c.onnx": b"c", "onnx/config.json": b"{}"}

#: case -> (allowed, ignored, files of TREE that must arrive)
PATTERNS = {
    "allow-json": (json.dumps(["*.safetensors", "config.json"]), None, ["a.safetensors", "config.json"]),
    "allow-commas": ("*.safetensors, config.json", None, ["a.safetensors", "config.json"]),
    "allow-folder": (json.dumps(["onnx/*"]), None, ["onnx/c.onnx", "onnx/config.json"]),
    "ignore": (None, json.dumps(["*.bin", "onnx/*"]), ["a.safetensors", "config.json"]),
    "both": (json.dumps(["*.json", "*.bin"]), "b*", ["config.json", "onnx/config.json"]),
}


@rule("CRED-021")
@pytest.mark.parametrize("case", PATTERNS)
def test_patterns_choose_files(store: Store, initializer: Fetcher, case: str) -> None:
    """Both variables take both notations (JSON and commas) and match the path relative to the model."""
    allowed, ignored, left = PATTERNS[case]
    given = {"STORAGE_ALLOW_PATTERNS": allowed, "STORAGE_IGNORE_PATTERNS": ignored}
    store.put(under("model", TREE))
    run = initializer.fetch(store.uri("model"), environment={name: text for name, text in given.items() if text})
    assert run.tree == {path: TREE[path] for path in left}


@rule("CRED-022")
def test_patterns_that_match_nothing(store: Store, initializer: Fetcher) -> None:
    """A typo in a pattern must not start a model server without a model."""
    store.put(under("model", TREE))
    initializer.fetch(store.uri("model"), environment={"STORAGE_ALLOW_PATTERNS": "*.nothing"}).assert_refused()
