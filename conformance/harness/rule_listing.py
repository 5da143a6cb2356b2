"""The spec as text: a list of all rules, and one rule explained."""

from __future__ import annotations

import textwrap
from collections.abc import Collection

from conformance.spec import Rule, Spec


def list_rules(spec: Spec, chosen: Collection[Rule]) -> list[str]:
    """A line for each of the chosen rules, by area."""
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
    """Everything the spec says about one rule."""
    lines = [f"{rule.id}  {rule.level}  {rule.title}", ""]
    lines += textwrap.wrap(rule.statement, 100)
    lines += ["", f"profile     {rule.profile}", f"stores      {', '.join(rule.stores) or 'none needed'}"]
    lines += [f"releases    {rule.kserve or 'all'}", f"references  {', '.join(rule.references)}"]
    if rule.budget:
        lines += [f"budget      {rule.budget.quantity}, {rule.budget.text()}"]
    if rule.cause:
        lines += ["", f"a refusal tells the cause ({rule.cause}), in words that match any of:"]
        lines += [f"  {words}" for words in spec.causes[rule.cause].alternatives]
    for message in rule.messages:
        scope = ", ".join([*sorted(message.stores), *sorted(message.cases)]) or "every store"
        lines += ["", f"KServe {message.kserve or 'all releases'}, {scope}, in these words:"]
        lines += textwrap.indent(message.text, "  ").splitlines()
    return lines
