"""Exploration: property-based cases on top of the fixed ones. docs/explore.md describes them."""
