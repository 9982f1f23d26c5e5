"""Pipeline definitions: storing them by content, and turning stored ones into plans. Used by every room-mate that takes a spec."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from penstock.domain.catalog import StoredSpec
from penstock.domain.errors import InvalidArgumentError, NotFoundError, SpecError
from penstock.domain.ids import Digest
from penstock.domain.plan import RunPlan
from penstock.interfaces.catalog_store import SpecStore
from penstock.interfaces.clock import Clock
from penstock.interfaces.plans import PlanLoader
from penstock.spec.argo.lower import ARGO_DIALECT
from penstock.spec.kfp.lower import KFP_DIALECT
from penstock.spec.packages import Package, with_line

MAX_SPEC_BYTES = 32 * 1024 * 1024
_KEPT_PLANS = 32


class Definitions:
    """Reads and keeps pipeline definitions. Plans of recent ones stay in memory: schedules and repeated runs share them."""

    def __init__(self, specs: SpecStore, plans: PlanLoader, clock: Clock) -> None:
        self._specs = specs
        self._plans = plans
        self._clock = clock
        self._recent: OrderedDict[Digest, RunPlan] = OrderedDict()

    def accept(self, package: Package) -> tuple[StoredSpec, RunPlan]:
        """Check a definition and make it ready to store; CPU-bound, nothing is stored yet.

        Raises:
            SpecError: not a valid definition; carries the place.
            InvalidArgumentError: too large, or not representable as JSON.
        """
        try:
            content = orjson.dumps(package.content, option=orjson.OPT_SORT_KEYS)
        except TypeError as error:  # YAML knows dates, sets and non-string keys
            raise InvalidArgumentError(f"pipeline spec: {error}") from None
        if len(content) > MAX_SPEC_BYTES:
            raise InvalidArgumentError("pipeline spec: larger than 32 MiB")
        digest = Digest(f"sha256:{hashlib.sha256(package.kind.encode() + b':' + content).hexdigest()}")
        try:
            plan = self._plan(digest, package.kind, package.content)
        except SpecError as error:
            raise with_line(error, package) from None
        spec = StoredSpec(digest, package.kind, plan.name, content.decode(), package.source or None, self._clock.now())
        return spec, plan

    async def store(self, spec: StoredSpec) -> None:
        """Store the definition; repeating is fine."""
        await self._specs.put(spec)

    async def load(self, digest: Digest) -> tuple[StoredSpec, RunPlan]:
        """Return a stored definition with its plan.

        Raises:
            NotFoundError: no such definition.
            SpecError: it was stored by an older version and is not valid any more.
        """
        spec = (await self._specs.get_many([digest])).get(digest)
        if spec is None:
            raise NotFoundError(f"pipeline definition {digest} does not exist")
        plan = self._recent.get(digest) or self._plan(digest, spec.kind, orjson.loads(spec.content))
        return spec, plan

    async def contents(self, digests: list[Digest]) -> Mapping[Digest, StoredSpec]:
        """Return the definitions that exist, in one query."""
        return await self._specs.get_many(digests)

    def _plan(self, digest: Digest, kind: str, content: Mapping[str, Any]) -> RunPlan:
        plan = self._recent.get(digest)
        if plan is None:
            plan = self._plans.load(kind, content)
            self._recent[digest] = plan
            if len(self._recent) > _KEPT_PLANS:
                self._recent.popitem(last=False)
        return plan


def package_of_document(document: Mapping[str, Any]) -> Package:
    """Return a definition that came as an object inside a request instead of a file."""
    is_argo = str(document.get("apiVersion", "")).startswith("argoproj.io/")
    return Package(ARGO_DIALECT if is_argo else KFP_DIALECT, document, "")
