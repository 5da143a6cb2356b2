"""Verify reports: against themselves, against the installed suite, by their signature, and by a repeated run."""
