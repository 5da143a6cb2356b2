"""The exception that ends a case without a verdict, with the reason."""

from __future__ import annotations


class NotOffered(Exception):
    """The server, the cluster or the machine cannot provide this situation. The text names which one, and why.

    The case counts as not run. The report shows the text as the reason. It does not count against the initializer.
    """
