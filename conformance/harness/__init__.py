"""The pytest plugin and its parts: options, selection, scheduling, judging, the report."""
