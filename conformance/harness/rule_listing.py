"""Text for the terminal: a list of rules, and the explanation of one rule."""

from __future__ import annotations

import textwrap
from collections.abc import Collection

from conformance.spec import Rule, Spec


def list_rules(spec: Spec, chosen: Collection[Rule]) -> list[str]:
    """Return one line for each chosen rule, grouped by area."""
    count = f"{len(chosen)} of {len(spec.rules)}" if len(chosen) < len(spec.rules) else str(len(chosen))
    lines = [f"Spec {spec.version}: {count} rules"]
    for area, title in spec.areas.items():
        rules = [rule for rule in chosen if rule.area == area]
        lines += ["", f"{title} ({area})"] if rules else []
        for rule in rules:
            kserve = f"  [KServe {rule.kserve}]" if str(rule.kserve) else ""
            lines.append(f"  {rule.id:<13} {rule.level:<6}  {rule.title}{kserve}")
    return lines


def explain(spec: Spec, rule: Rule) -> list[str]:
    """Return everything that the spec says about one rule."""
    lines = [f"{rule.id}  {rule.level}  {rule.title}", ""]
    lines += textwrap.wrap(rule.statement, 100)
    lines += ["", f"profile     {rule.profile}", f"stores      {', '.join(rule.stores) or 'no store needed'}"]
    lines += [f"releases    {rule.kserve or 'all'}", f"references  {', '.join(rule.references)}"]
    if rule.features:
        lines += [f"feature     {', '.join(rule.features)}"]
    if rule.budget:
        lines += [f"budget      {rule.budget.quantity}, {rule.budget.text()}"]
    if rule.cause:
        lines += ["", f"A refusal reports the cause '{rule.cause}'. Its message matches one of these expressions:"]
        lines += [f"  {words}" for words in spec.causes[rule.cause].alternatives]
    for message in rule.messages:
        scope = ", ".join([*sorted(message.stores), *sorted(message.cases)]) or "every store"
        lines += ["", f"Exact message of KServe {message.kserve or '(all releases)'}, {scope}:"]
        lines += textwrap.indent(message.text, "  ").splitlines()
    return lines
