"""How a test ends when its rule does not hold, does not apply, or cannot be judged.

`scenarios.reasons.NotOffered` is the fourth: the machine or the server cannot play the case.
"""

from __future__ import annotations


class RuleViolation(AssertionError):
    """The initializer broke the rule under test. The message describes how."""


class NotApplicable(Exception):
    """The rule does not apply to this initializer. The message names the feature that it lacks."""


class Unproven(Exception):
    """The test cannot judge its rule, because the initializer breaks another rule that this one depends on.

    The message names that other rule.
    """
