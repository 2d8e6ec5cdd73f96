"""
What stands in the tray: an amount in an icon, the budgets in its menu, and what to tell of them.

The page's document of this moment comes in, as its API gives it; texts and a picture go out. The
picture alone needs Pillow, which the extra `tray` brings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmcap.words.told import one_line

if TYPE_CHECKING:
    from PIL.Image import Image

Document = Mapping[str, Any]

SIZE = 64  # pixels; the tray makes it smaller
LETTERS = 46  # at most so high
BUDGETS_SHOWN = 12
COLOURS = {"good": "#1f7a4d", "near": "#b26a00", "over": "#b3261e", "off": "#6b7280"}
NEAR = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be seen; two that are equal need no drawing again."""

    text: str  # in the icon: at most four characters
    mood: str  # one of `COLOURS`
    title: str  # the line beside it
    lines: tuple[str, ...] = ()  # of the menu, one a budget


def look(document: Document | None) -> Look:
    """The budget of which the least is left, and all of them; None: there is no page."""
    if document is None:
        return Look("-", "off", "LLMCap: no proxy stands")
    budgets = [each for each in document["budgets"] if each["mode"] != "watch"]
    if not budgets:
        return Look("-", "good", "LLMCap: nothing is capped")
    nearest = max(budgets, key=taken)
    mood = "over" if taken(nearest) >= 1 else "near" if taken(nearest) >= NEAR else "good"
    lines = tuple([line(each) for each in budgets[:BUDGETS_SHOWN]])
    if len(budgets) > BUDGETS_SHOWN:
        lines += (f"and {len(budgets) - BUDGETS_SHOWN} more",)
    return Look(short(nearest["spent"], nearest["unit"]), mood, f"LLMCap: {line(nearest)}", lines)


def taken(budget: Document) -> Decimal:
    """The share of a cap that is spent or held; what is paused or has nothing left is 1."""
    if budget["paused"] or Decimal(budget["left"]) <= 0:
        return Decimal(1)
    return (Decimal(budget["spent"]) + Decimal(budget["held"])) / Decimal(budget["cap"])


def line(budget: Document) -> str:
    """One budget: its name, what is spent, and what is left of what."""
    unit = budget["unit"]
    name = title(budget)
    if budget["paused"]:
        return f"{name}: paused"
    spent, left, cap = (amount(budget[each], unit) for each in ("spent", "left", "cap"))
    return f"{name}: {spent} spent, {left} left of {cap}"


def title(budget: Document) -> str:
    """Its name, and for whom; names come from clients, and are one line."""
    value = budget["value_name"] or budget["value"]
    return one_line(f"{budget['name']}: {value}" if value else budget["name"])


def amount(text: str | int, unit: str) -> str:
    """Dollars to the cent, or as small as they are; counts with their unit."""
    if unit != "usd":
        return f"{int(text):,} {unit}"
    dollars = Decimal(text)
    if dollars == 0 or abs(dollars) >= Decimal("0.01"):
        return f"${dollars:,.2f}"
    return f"${dollars.normalize():f}"


def short(text: str | int, unit: str) -> str:
    """
    The same in four characters, of those that Pillow's own font has: it has no ¢, and no dash.

    >>> [short(each, "usd") for each in ("0", "0.004", "0.37", "4.2", "37.9", "1250", "98000")]
    ['$0', '<.01', '$.37', '$4.2', '$37', '$1k', '$98k']
    """
    number = Decimal(text)
    sign = "$" if unit == "usd" else ""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{sign}{number // size}{letter}"
    if unit != "usd" or number >= 10 or number == 0:
        return f"{sign}{number // 1}"
    if number >= 1:
        return f"${number // Decimal('0.1') / 10:.1f}"
    cents = number * 100 // 1
    return f"$.{cents:02}" if cents else "<.01"


@dataclass(slots=True)
class Told:
    """Which budgets have reached which shares of their caps; each is told of once a window."""

    shares: Sequence[int]  # percent, such as 80 and 100
    known: dict[tuple[str, str, str], int] | None = field(default=None)

    def news(self, document: Document | None) -> list[str]:
        """What to tell now. What was reached before the first look is no news."""
        if document is None:
            return []
        reached, before = {}, self.known
        news = []
        for budget in document["budgets"]:
            key = (budget["name"], budget["value"], budget["window_start"])
            share = max((each for each in self.shares if taken(budget) * 100 >= each), default=0)
            reached[key] = max(share, (before or {}).get(key, 0))
            if before is not None and share > before.get(key, 0):
                news.append(f"{share} % is reached: {line(budget)}")
        self.known = reached
        return news


def picture(seen: Look) -> "Image":
    """The icon: the amount on the colour of its mood."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 (the extra `tray`)

    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((0, 0, SIZE - 1, SIZE - 1), radius=12, fill=COLOURS[seen.mood])
    size = LETTERS
    while draw.textlength(seen.text, font=(font := ImageFont.load_default(size))) > SIZE - 6:
        size -= 2
    draw.text((SIZE / 2, SIZE / 2), seen.text, fill="white", font=font, anchor="mm")
    return image
