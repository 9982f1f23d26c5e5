"""Colours that the client's own documents (saved workspaces, reports) give to runs and groups, as looks of ours.

A document may name any colour (`#4E79A7`, `rgb(78, 121, 167)`, `steelblue`), and that very colour is drawn; in a theme in which it could
not be told from the ground it is darker or lighter, by as little as is needed. The number of its look is of the nearest hue among the
eight of our own, which keep apart for people who see red, green or blue differently; two colours of a document with the same hue differ
in style. Semantics: `customRunColors` as `wandb-workspaces` 0.4 writes it: by run, and by group as `run-color-group:<run set>:<path>` in
workspaces, as `<run set>-run:<field>:<value>` in reports; values there may be `{light, dark}` pairs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from penstock.web.tracking.panel_specs import listed, mapping, text
from penstock.web.tracking.run_colors import COLORS, INKS, LIGHTS, STYLES, Look, own_look

_MOST = 1000
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/].*)?\)")
_GROUP = "run-color-group:"
_LINK = re.compile(r"-(?=(?:run|config|summary|keys|tags|sweep):)")
_LIGHTNESS = 0.15
"""How much a difference in lightness counts against one in hue: what is light in one theme is dark in the other."""

_GROUNDS = (((255, 255, 255), 1.5), ((18, 22, 27), 2.5))
"""`--surface` in the light and the dark theme, and the least contrast with it (WCAG 2.2): what others chose is kept as long as it is seen,
also where we would not have chosen it. Dark on dark is seen less than light on light."""
_STEP = 0.02

Rgb = tuple[int, int, int]
Lab = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ClientColors:
    """Looks that a document chose."""

    runs: Mapping[str, Look] = field(default_factory=dict)
    """By run (`TrackedRun.name`)."""
    groups: Mapping[tuple[str, ...], Look] = field(default_factory=dict)
    """By the values that lead to a group."""


def client_colors(chosen: Mapping[str, Any], run_sets: Sequence[str] = ()) -> ClientColors:
    """Return what `customRunColors` of a document says; what is no colour is left out.

    Args:
        run_sets: ids of the run sets of a report, with which its names of groups begin.
    """
    held = [(key, pair) for key, value in list(chosen.items())[:_MOST] if key != "ref" and (pair := _pair(value)) is not None]
    numbers = _numbers(_oklab(*light) for _, (light, _) in held)
    runs: dict[str, Look] = {}
    groups: dict[tuple[str, ...], Look] = {}
    for key, pair in held:
        look = own_look(numbers[_oklab(*pair[0])], *(_hex(_seen_on(color, *ground)) for color, ground in zip(pair, _GROUNDS, strict=True)))
        path = _group_path(key, run_sets)
        if path is None:
            runs[key] = look
        elif path:
            groups[path] = look
    return ClientColors(runs, groups)


def _pair(value: Any) -> tuple[Rgb, Rgb] | None:
    """Return a colour in the light and the dark theme; None when it names none."""
    names = (text(value), text(value)) if isinstance(value, str) else (text(mapping(value).get("light")), text(mapping(value).get("dark")))
    light, dark = (rgb_of(name) for name in names)
    first, other = light or dark, dark or light
    return (first, other) if first is not None and other is not None else None


def _seen_on(color: Rgb, ground: Rgb, least: float) -> Rgb:
    """Return the colour, or the one nearest to it towards black or white that is told from the ground."""
    end = 0 if _luminance(ground) > 0.5 else 255
    steps = (tuple(round(part + (end - part) * share * _STEP) for part in color) for share in range(round(1 / _STEP)))
    return next(((red, green, blue) for red, green, blue in steps if _contrast((red, green, blue), ground) >= least), color)


def _contrast(one: Rgb, other: Rgb) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Rgb) -> float:
    red, green, blue = map(_linear, color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(color: Rgb) -> str:
    return f"#{bytes(color).hex()}"


def rgb_of(name: str) -> Rgb | None:
    """Return a colour that CSS knows by this text; None for any other text."""
    word = name.strip().lower()
    if word in _NAMED:
        word = f"#{_NAMED[word]}"
    if found := _HEX.fullmatch(word):
        digits = found[1] if len(found[1]) > 4 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    if found := _RGB.fullmatch(word):
        red, green, blue = (min(255, int(part)) for part in found.groups())
        return red, green, blue
    return None


def lab_of(name: str) -> Lab | None:
    """Return a colour that CSS knows by this text in Oklab; None for any other text."""
    found = rgb_of(name)
    return None if found is None else _oklab(*found)


def _group_path(key: str, run_sets: Sequence[str]) -> tuple[str, ...] | None:
    """Return the group that a key names; None for a run, nothing for what is neither."""
    if not key.startswith(_GROUP):
        own, _, linked = key.partition("-")
        parts = _LINK.split(linked) if own in run_sets and ":" in linked else ()
        return tuple(part.rpartition(":")[2] for part in parts) or None
    _, _, encoded = key.removeprefix(_GROUP).partition(":")
    try:
        path = [mapping(one) for one in listed(json.loads(unquote(encoded)))]
    except (ValueError, RecursionError):
        return ()
    return tuple(text(one.get("value")) for one in path if one.get("kind") == "group")


def _numbers(colors: Iterable[Lab]) -> dict[Lab, int]:
    """Return the number of a look for each colour: of the nearest hue, in the first style that no other has."""
    found: dict[Lab, int] = {}
    for lab in dict.fromkeys(colors):
        place = min(range(COLORS), key=lambda at: min(_distance(lab, one) for one in _PALETTE[at]))
        taken = sum((look - 1) % COLORS == place for look in found.values())
        found[lab] = place + 1 + COLORS * (taken % STYLES)
    return found


def _distance(first: Lab, other: Lab) -> float:
    """How far apart two colours are, mostly by hue; greys, which have none, by lightness."""
    (light, *one), (other_light, *two) = first, other
    strength, other_strength = math.hypot(*one), math.hypot(*two)
    hue = max(0.0, 2 * (strength * other_strength - one[0] * two[0] - one[1] * two[1]))
    return hue + (_LIGHTNESS * (light - other_light)) ** 2


def _linear(part: int) -> float:
    """Return a part of sRGB (0 to 255) as light."""
    share = part / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def _oklab(red: int, green: int, blue: int) -> Lab:
    """Return sRGB (0 to 255) in Oklab (Ottosson 2020)."""
    r, g, b = map(_linear, (red, green, blue))
    l, m, s = (  # noqa: E741 - cones: long, medium, short
        math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b),
        math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b),
        math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b),
    )
    return (
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    )


_NAMES = """
    aliceblue=f0f8ff antiquewhite=faebd7 aqua=00ffff aquamarine=7fffd4 azure=f0ffff beige=f5f5dc bisque=ffe4c4 black=000000
    blanchedalmond=ffebcd blue=0000ff blueviolet=8a2be2 brown=a52a2a burlywood=deb887 cadetblue=5f9ea0 chartreuse=7fff00
    chocolate=d2691e coral=ff7f50 cornflowerblue=6495ed cornsilk=fff8dc crimson=dc143c cyan=00ffff darkblue=00008b darkcyan=008b8b
    darkgoldenrod=b8860b darkgray=a9a9a9 darkgreen=006400 darkgrey=a9a9a9 darkkhaki=bdb76b darkmagenta=8b008b darkolivegreen=556b2f
    darkorange=ff8c00 darkorchid=9932cc darkred=8b0000 darksalmon=e9967a darkseagreen=8fbc8f darkslateblue=483d8b darkslategray=2f4f4f
    darkslategrey=2f4f4f darkturquoise=00ced1 darkviolet=9400d3 deeppink=ff1493 deepskyblue=00bfff dimgray=696969 dimgrey=696969
    dodgerblue=1e90ff firebrick=b22222 floralwhite=fffaf0 forestgreen=228b22 fuchsia=ff00ff gainsboro=dcdcdc ghostwhite=f8f8ff
    gold=ffd700 goldenrod=daa520 gray=808080 green=008000 greenyellow=adff2f grey=808080 honeydew=f0fff0 hotpink=ff69b4
    indianred=cd5c5c indigo=4b0082 ivory=fffff0 khaki=f0e68c lavender=e6e6fa lavenderblush=fff0f5 lawngreen=7cfc00 lemonchiffon=fffacd
    lightblue=add8e6 lightcoral=f08080 lightcyan=e0ffff lightgoldenrodyellow=fafad2 lightgray=d3d3d3 lightgreen=90ee90
    lightgrey=d3d3d3 lightpink=ffb6c1 lightsalmon=ffa07a lightseagreen=20b2aa lightskyblue=87cefa lightslategray=778899
    lightslategrey=778899 lightsteelblue=b0c4de lightyellow=ffffe0 lime=00ff00 limegreen=32cd32 linen=faf0e6 magenta=ff00ff
    maroon=800000 mediumaquamarine=66cdaa mediumblue=0000cd mediumorchid=ba55d3 mediumpurple=9370db mediumseagreen=3cb371
    mediumslateblue=7b68ee mediumspringgreen=00fa9a mediumturquoise=48d1cc mediumvioletred=c71585 midnightblue=191970 mintcream=f5fffa
    mistyrose=ffe4e1 moccasin=ffe4b5 navajowhite=ffdead navy=000080 oldlace=fdf5e6 olive=808000 olivedrab=6b8e23 orange=ffa500
    orangered=ff4500 orchid=da70d6 palegoldenrod=eee8aa palegreen=98fb98 paleturquoise=afeeee palevioletred=db7093 papayawhip=ffefd5
    peachpuff=ffdab9 peru=cd853f pink=ffc0cb plum=dda0dd powderblue=b0e0e6 purple=800080 rebeccapurple=663399 red=ff0000
    rosybrown=bc8f8f royalblue=4169e1 saddlebrown=8b4513 salmon=fa8072 sandybrown=f4a460 seagreen=2e8b57 seashell=fff5ee sienna=a0522d
    silver=c0c0c0 skyblue=87ceeb slateblue=6a5acd slategray=708090 slategrey=708090 snow=fffafa springgreen=00ff7f steelblue=4682b4
    tan=d2b48c teal=008080 thistle=d8bfd8 tomato=ff6347 turquoise=40e0d0 violet=ee82ee wheat=f5deb3 white=ffffff whitesmoke=f5f5f5
    yellow=ffff00 yellowgreen=9acd32
"""
_NAMED: Mapping[str, str] = dict(one.split("=") for one in _NAMES.split())
"""Names that CSS has for colours."""
_PALETTE = tuple(tuple(lab for color in pair if (lab := lab_of(color)) is not None) for pair in zip(INKS, LIGHTS, strict=True))
