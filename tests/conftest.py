"""What tests of several topics stand on."""

import pytest

from clusters.engine import Engine, NoEngine, find_engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The container engine of this machine; without one the test is skipped, with the reason."""
    try:
        return find_engine()
    except NoEngine as reason:
        pytest.skip(str(reason))
