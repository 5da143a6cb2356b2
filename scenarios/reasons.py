"""Why a case has no verdict, as an exception that ends it."""

from __future__ import annotations


class NotOffered(Exception):
    """The server, the cluster or the machine cannot play this situation; the text names which one, and why.

    The case counts as not run. The report shows the text as the reason, and nothing is held against the initializer.
    """
