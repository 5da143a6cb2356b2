"""The suite as an installed package; a checkout runs `pytest conformance/` instead."""
