"""Fixtures that tests of several topics share."""

import pytest

from clusters.engine import Engine, NoEngine, find_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Return the container engine of this machine; skip the test, with the reason, if there is none."""
    try:
        return find_engine()
    except NoEngine as reason:
        pytest.skip(str(reason))
