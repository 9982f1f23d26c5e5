"""What registries have beyond projects: protected aliases, verdicts, admitted types, members.

A registry is a project of the organization's entity named `wandb-registry-<name>`; linking into it makes the collection, if the
registry admits the type. Aliases are protected in any project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.domain.errors import InvalidArgumentError, PreconditionError
from penstock.domain.versions import LATEST
from penstock.interfaces.clock import Clock
from penstock.interfaces.versions import RegistryStore
from penstock.tracking.collections import CollectionService
from penstock.tracking.version_names import check_alias

MEMBER_ROLES = ("admin", "member", "viewer", "restricted_viewer")


class RegistryService:
    """Use cases on registries. All methods block; adapters call them from worker threads. `by` is who the history names for a change."""

    def __init__(self, registries: RegistryStore, collections: CollectionService, clock: Clock) -> None:
        self._registries = registries
        self._collections = collections
        self._clock = clock

    def protected_aliases(self, project_id: int) -> Mapping[str, str]:
        """Return who protected each alias that is protected in a project or registry."""
        return self._registries.protected_aliases(project_id)

    def locked_aliases(self, project_id: int, by: str) -> Mapping[str, str]:
        """Return the protected aliases of a project or registry that `by` may not change, and who protected each."""
        return self._registries.locked_aliases(by, project_id=project_id)

    def locks_of(self, version_id: int, by: str) -> Mapping[str, str]:
        """Return the same of the aliases that a version has anywhere: while there are some, `by` cannot delete it or let it expire."""
        return self._registries.locked_aliases(by, version_id=version_id)

    def set_protected(self, project_id: int, alias: str, *, is_protected: bool, by: str) -> None:
        """Protect an alias in all collections of a project or registry, or free it.

        Raises:
            InvalidArgumentError: no alias can have this name, or it is `latest`, which moves by itself.
            PermissionDeniedError: it is protected, and `by` neither protected it nor administers the registry.
        """
        check_alias(alias)
        if alias == LATEST:
            raise InvalidArgumentError("`latest` moves by itself and cannot be protected")
        self._registries.set_protected(project_id, alias, is_protected=is_protected, by=by, at=self._clock.now())

    def approve(self, collection_id: int, version_id: int, verdict: str, comment: str, *, by: str) -> None:
        """Write down that somebody approved or rejected a version in a collection.

        Raises:
            InvalidArgumentError: another verdict than `approved` and `rejected`.
            NotFoundError: the version is not in the collection.
        """
        if verdict not in {"approved", "rejected"}:
            raise InvalidArgumentError(f"a version is approved or rejected, not {verdict!r}")
        self._registries.note_approval(collection_id, version_id, verdict, comment, at=self._clock.now(), by=by)

    def make(self, project_id: int, *, allow_all_types: bool, type_names: Sequence[str]) -> None:
        """Give a project what a registry has besides; existing types stay."""
        self._registries.put_registry(project_id, allow_all_types=allow_all_types)
        for name in type_names:
            self._collections.ensure_type(project_id, name)

    def allows_all_types(self, project_id: int) -> bool:
        """Whether a registry admits artifacts of any type; projects that are no registry do."""
        return self._registries.allows_all_types(project_id)

    def check_admits(self, project_id: int, type_name: str) -> None:
        """Make sure that a registry admits artifacts of this type.

        Raises:
            PreconditionError: it does not.
        """
        if not self.allows_all_types(project_id) and self._collections.type(project_id, type_name) is None:
            allowed = ", ".join(repr(entry.name) for entry in self._collections.types(project_id))
            raise PreconditionError(f"this registry holds artifacts of type {allowed or 'none'}, not {type_name!r}")

    def members(self, project_id: int) -> Mapping[int, str]:
        """Return the roles of a registry's members by entity id."""
        return self._registries.members(project_id)

    def set_member(self, project_id: int, entity_id: int, role: str) -> None:
        """Give an entity a role in a registry.

        Raises:
            InvalidArgumentError: there is no such role.
        """
        if role not in MEMBER_ROLES:
            raise InvalidArgumentError(f"a member of a registry is one of {', '.join(MEMBER_ROLES)}, not {role!r}")
        self._registries.set_member(project_id, entity_id, role)

    def drop_member(self, project_id: int, entity_id: int) -> None:
        """Take an entity's role away; not having one is fine."""
        self._registries.drop_member(project_id, entity_id)
