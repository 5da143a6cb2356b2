"""Generators for pages in docs/."""
