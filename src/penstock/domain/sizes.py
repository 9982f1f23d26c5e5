"""Numbers of bytes as people read them, in binary units."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def scaled(size: float) -> tuple[float, str]:
    """Return the number and the unit that keeps it below 1024, as far as units go."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return size, unit
        size /= 1024
    return size, _UNITS[-1]


def size_words(size: float) -> str:
    """Return bytes in at most four digits, for sentences: `512 B`, `1 MiB`, `1.5 GiB`, `703.5 MiB`."""
    number, unit = scaled(size)
    return f"{number:.4g} {unit}"
