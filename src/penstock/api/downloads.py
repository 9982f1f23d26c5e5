"""Names of files that browsers save, as a header tells them: whatever script a name is written in."""

from __future__ import annotations

import re
from urllib.parse import quote

_UNSAFE = re.compile(r"[^\w.-]")


def attachment(name: str) -> str:
    """Return the `Content-Disposition` that has an answer saved as `name`; what file systems may not take becomes `_`.

    Header values are Latin-1, so a name beyond ASCII is told in the extended form, after one for clients that do not know it.

    Semantics: RFC 6266, section 4.3, and RFC 8187.
    """
    safe = _UNSAFE.sub("_", name) or "file"
    plain = f'attachment; filename="{re.sub(r"[^!-~]", "_", safe)}"'
    return plain if safe.isascii() else f"{plain}; filename*=UTF-8''{quote(safe, safe='')}"
