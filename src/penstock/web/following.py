"""Documents in boxes that scroll together: a listener at their end tells the page around them where they are, and goes where it says.

A box has an opaque origin, so the page cannot look in; the two send each other one number, the share of the height. What a document says
is hostile: the page takes a number between 0 and 1 from a frame of its own and hands it to the frames beside that one, nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator

from penstock.web.security import BOX_HEADERS

_SCRIPT = """
(() => {
  let quiet = 0;
  const root = () => document.scrollingElement ?? document.documentElement;
  addEventListener("scroll", () => {
    if (performance.now() < quiet) return;
    const { scrollTop, scrollHeight, clientHeight } = root();
    const share = scrollHeight > clientHeight ? scrollTop / (scrollHeight - clientHeight) : 0;
    parent.postMessage({ penstockScroll: Math.min(1, Math.max(0, share)) }, "*");
  }, { passive: true });
  addEventListener("message", (event) => {
    if (event.source !== parent || typeof event.data?.penstockScroll !== "number") return;
    quiet = performance.now() + 150;
    root().scrollTop = event.data.penstockScroll * (root().scrollHeight - root().clientHeight);
  });
})();
"""
LISTENER = f"<script>{_SCRIPT}</script>"
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()

STILL_FOLLOWING_HEADERS = BOX_HEADERS | {
    "content-security-policy": (
        f"sandbox allow-scripts; default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'unsafe-inline'; img-src data:; "
        "font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
}
"""For content that never needs script of its own (Markdown): the listener alone may run."""


def with_listener(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a document with the listener at its end."""
    yield from chunks
    yield LISTENER.encode()
