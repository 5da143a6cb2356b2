"""The spec as text: a list of all rules, and one rule explained."""

from __future__ import annotations

import textwrap

from conformance.spec import Rule, Spec


def list_rules(spec: Spec) -> list[str]:
    """A line for each rule, by area."""
    lines = [f"Spec {spec.version}: {len(spec.rules)} rules"]
    for area, title in spec.areas.items():
        lines += ["", f"{title} ({area})"]
        for rule in spec:
            if rule.area == area:
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
        lines += ["", f"a refusal tells the cause ({rule.cause}), in words that match:"]
        lines += [f"  {spec.causes[rule.cause].pattern}"]
    for message in rule.messages:
        scope = ", ".join([*sorted(message.stores), *sorted(message.cases)]) or "every store"
        lines += ["", f"KServe {message.kserve or 'all releases'}, {scope}, in these words:"]
        lines += textwrap.indent(message.text, "  ").splitlines()
    return lines
