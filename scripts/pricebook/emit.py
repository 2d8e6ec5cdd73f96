"""Documents as the YAML that people review, and as the JSON that programs load fast."""

import json
from decimal import Decimal
from typing import Any

import yaml

from llmcap.pricing.files import digest, parse_yaml

Document = dict[str, Any]

HEADER = """\
# Made by scripts/update_prices from public price data and from overlay/. To change a price, change
# the overlay and run the script; see README.md. USD per price unit, as units.yaml defines it.
"""


class _Dumper(yaml.SafeDumper):
    """Writes each value where it stands: a file to be read has no anchors."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _decimal(dumper: yaml.SafeDumper, value: Decimal) -> yaml.Node:
    kind = "int" if "." not in plain(value) else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", plain(value))


_Dumper.add_representer(Decimal, _decimal)


def plain(value: Decimal) -> str:
    """Without exponent and without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_yaml(document: Document) -> str:
    """One provider's file."""
    body = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110,
        allow_unicode=True,
    )  # fmt: skip
    return HEADER + body


def to_json(text: str, name: str) -> str:
    """The compiled form of a YAML file, one model a line so that its changes can be read."""
    document = parse_yaml(text, name)
    models = document.pop("models", None)
    head = json.dumps(document, ensure_ascii=False)[1:-1]
    lines = [f'{{"digest": "{digest(text.encode())}", "document": {{{head}']
    if models is not None:
        rows = ",\n".join(
            f"{json.dumps(key, ensure_ascii=False)}: "
            f"{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}"
            for key, value in models.items()
        )
        lines.append(f'{", " if head else ""}"models": {{\n{rows}\n}}')
    lines.append("}}\n")
    return "".join(lines)
