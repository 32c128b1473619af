"""The only definition of the colours: hex values for pictures, and CSS properties with light and dark forms for
pages.

Risk runs from brick (high) over ochre (mid) to slate blue (low): they differ in lightness as well as in hue,
so that protan, deutan and tritan readers can distinguish them. An emotion has a shade of its risk level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from monitor.labels import EMOTIONS, RISKS


@dataclass(frozen=True)
class Palette:
    """Colours by role. Each risk has six shades, the strongest first; `heat` runs from least to most."""

    paper: str
    ink: str
    muted: str
    line: str
    withheld: str
    accent: str
    high: tuple[str, ...]
    mid: tuple[str, ...]
    low: tuple[str, ...]
    heat: tuple[str, ...]

    def risk(self, level: str) -> tuple[str, ...]:
        """Shades of one of RISKS."""
        shades: tuple[str, ...] = getattr(self, level.removesuffix("_risk"))
        return shades

    def emotions(self, rules: Mapping[str, str]) -> dict[str, str]:
        """Emotion -> colour, in stacking order: the emotions of the highest risk first."""
        colours: dict[str, str] = {}
        for level in reversed(RISKS):
            members = [emotion for emotion in EMOTIONS if rules[emotion] == level]
            first, stride = {1: (1, 1), 2: (1, 2), 3: (0, 2)}.get(len(members), (0, 1))  # far apart if possible
            shades = self.risk(level)[0 if level == "high_risk" else first :: stride]
            colours |= dict(zip(members, shades, strict=False))
        return colours

    def css(self) -> str:
        """The declarations `--name: value;` that FOR_CSS refers to."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return " ".join(
            f"--{name}: {value};"
            if isinstance(value, str)
            else " ".join(f"--{name}-{place}: {shade};" for place, shade in enumerate(value, 1))
            for name, value in values.items()
        )


def _shades(strong: str, faint: str) -> tuple[str, ...]:
    """Six colours from strong to faint, evenly mixed."""
    ends = [[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in (strong, faint)]
    parts = [step / 5 for step in range(6)]
    return tuple(
        "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(*ends, strict=True)) for part in parts
    )


def _variables(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"var(--{name}-{place})" for place in range(1, count + 1))


LIGHT = Palette(
    paper="#fbf9f5",
    ink="#1e2226",
    muted="#5a6066",
    line="#ddd7cc",
    withheld="#e4e0d8",
    accent="#a6301c",
    high=_shades("#a6301c", "#ecc4b8"),
    mid=_shades("#c2830f", "#f0dcb8"),
    low=_shades("#3c7a91", "#c3d8e0"),
    heat=("#f8eadb", "#f3d0b0", "#edb084", "#e28b5b", "#cf663b", "#b14526", "#8b2a18", "#5f170f"),
)
DARK = Palette(
    paper="#15181b",
    ink="#ece8e0",
    muted="#a3a8ac",
    line="#363b3f",
    withheld="#2b3034",
    accent="#f0876e",
    high=_shades("#e8684a", "#5c3028"),
    mid=_shades("#f0ce84", "#5c4d2e"),
    low=_shades("#5fa6be", "#24414c"),
    heat=("#2a2422", "#472c25", "#693729", "#8e452e", "#b45936", "#d77547", "#ef9a69", "#ffc9a0"),
)
FOR_CSS = Palette(
    paper="var(--paper)",
    ink="var(--ink)",
    muted="var(--muted)",
    line="var(--line)",
    withheld="var(--withheld)",
    accent="var(--accent)",
    high=_variables("high", len(LIGHT.high)),
    mid=_variables("mid", len(LIGHT.mid)),
    low=_variables("low", len(LIGHT.low)),
    heat=_variables("heat", len(LIGHT.heat)),
)
