"""What programs write for a terminal, as text: without the sequences that colour it, move its cursor or name an address behind it.

Semantics: ECMA-48 control sequences (`ESC [`, with private `?` parameters) and operating-system commands (`ESC ]` up to BEL or ST), those
that the log viewer leaves out too (`static/js/logs.js`). What has no end in its line is no sequence.
"""

from __future__ import annotations

import re
from typing import AnyStr

_SEQUENCE = r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b\n]*(?:\x07|\x1b\\))"
_OF_TEXT = re.compile(_SEQUENCE)
_OF_BYTES = re.compile(_SEQUENCE.encode())


def without_escapes(text: AnyStr) -> AnyStr:
    """Return text, or bytes in UTF-8, as a terminal shows it; newlines and carriage returns stay. Takes time linear in its length."""
    if isinstance(text, str):
        return _OF_TEXT.sub("", text)
    return _OF_BYTES.sub(b"", text) if b"\x1b" in text else text
