"""A node of a cluster: where its image comes from, when it is ready, and what can be loaded into it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig
from lightkube.config.models import Cluster as KubeCluster
from lightkube.config.models import User

from clusters import node_source
from clusters.base import Image, NoCluster
from clusters.node import Node, config_digest
from tests.clusters.stub_engine import engine_that, small_image


def test_a_node_that_does_not_get_ready_is_said_with_what_is_lacking(tmp_path: Path) -> None:
    engine = engine_that(tmp_path, "echo I1121 fine; echo E1121 no network plugin")
    nobody = KubeConfig.from_one(cluster=KubeCluster(server="http://127.0.0.1:9"), user=User())
    client = Client(nobody, trust_env=False)
    said = r"small is not ready after 0 s: its API server: .*refused.*; its kubelet said: E1121 no network plugin"
    with pytest.raises(NoCluster, match=said):
        Node(engine, "small").wait_until_ready(client, 0)


@pytest.mark.parametrize(
    ("pull", "expected"),
    [
        pytest.param("echo 'Error: pinging: no such host' >&2; exit 125", ("assembled", "no such host"), id="none"),
        pytest.param("echo 'Getting image source signatures' >&2", ("published", "a registry has"), id="answers"),
        pytest.param("exec sleep 30", ("assembled", "no answer in time"), id="silent"),
    ],
)
def test_the_source_of_images_is_what_a_registry_allows(
    pull: str, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_source, "ANSWER_WITHIN_S", 0.5)
    source, why = node_source.choose(engine_that(tmp_path, f'[ "$1" = pull ] || exit 1\n{pull}'), "auto")
    assert source == expected[0]
    assert expected[1] in why


def test_published_images_that_cannot_be_pulled_are_said(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match=r"kindest/node@sha256:.* cannot be pulled: Error: denied; "):
        node_source.choose(engine_that(tmp_path, "echo 'Error: denied' >&2; exit 125"), "published")


def test_an_archive_of_another_image_is_refused(tmp_path: Path) -> None:
    image = small_image(tmp_path, "suite/pause:1", "one")
    assert config_digest(image).startswith("sha256:")
    with pytest.raises(NoCluster, match=r"one\.tar holds \['suite/pause:1'\], not suite/pause:2"):
        config_digest(dataclasses.replace(image, reference="suite/pause:2"))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_text("no tar")
    with pytest.raises(NoCluster, match=r"image\.tar is not an archive of one image as `docker save` writes it"):
        config_digest(Image("any:1", tmp_path / "image.tar"))
