"""What the flow pages work with, beside `web.services.web.WebServices`; the server fills it in."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.flows.code import FlowCode
from penstock.flows.reading import FlowReader
from penstock.flows.recording import FlowRecorder
from penstock.interfaces.page_flows import FlowPages


@dataclass(frozen=True, slots=True)
class FlowWeb:
    """Parts of the flow pages."""

    pages: FlowPages
    """What was recorded."""
    reader: FlowReader
    """What the datastore holds: logs, values, cards, the graph."""
    code: FlowCode
    """Code packages that runs keep."""
    recorder: FlowRecorder
    """Changes of tags, metadata rows."""
