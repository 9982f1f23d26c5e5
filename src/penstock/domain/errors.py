"""The error tree. Every error a caller may act on derives from `PenstockError`; adapters map each branch to a status.

PenstockError
+-- InvalidArgumentError      the request is wrong as it stands (400, code 3)
|   +-- SpecError             a pipeline definition is wrong; carries the place
+-- NotFoundError             no such object (404, code 5)
+-- AlreadyExistsError        the name is taken (409, code 6)
+-- PermissionDeniedError     known caller, not allowed (403, code 7)
|   +-- RoleNeededError       the caller's role does not reach; names the one that does
+-- UnauthenticatedError      unknown caller (401, code 16)
|   +-- AccountDisabledError  known caller whose keys are refused
+-- PreconditionError         right request, wrong state of something else (400, code 9)
+-- ConflictError             right request, wrong state of the object (409, code 10)
+-- PayloadTooLargeError      over a stated limit (413)
+-- UnavailableError          a store or helper could not be reached (503, code 14)
+-- TaskError                 why a task attempt failed (never an HTTP status)
"""

from __future__ import annotations


class PenstockError(Exception):
    """Base of all errors raised on purpose. `str(error)` is a sentence for the user."""


class InvalidArgumentError(PenstockError):
    """The request is wrong as it stands; names the field."""


class SpecError(InvalidArgumentError):
    """A pipeline definition is wrong.

    Attributes:
        place: dotted path of the fault in the document, for example `root.dag.tasks.train.inputs.parameters.lr`.
    """

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


class NotFoundError(PenstockError):
    """No object of that kind has this id or name."""


class AlreadyExistsError(PenstockError):
    """An object of that kind already has this name."""


class PermissionDeniedError(PenstockError):
    """The caller is known and not allowed to do this."""


class RoleNeededError(PermissionDeniedError):
    """The caller's role on this server does not allow it.

    Attributes:
        needed: the least role that does.
        role: the one that the caller has.
    """

    def __init__(self, needed: str, role: str) -> None:
        super().__init__(f"this needs the role {needed}; you have {role}")
        self.needed = needed
        self.role = role


class UnauthenticatedError(PenstockError):
    """The caller did not prove who they are."""


class AccountDisabledError(UnauthenticatedError):
    """The caller is known, and none of its keys is accepted any more."""


class PreconditionError(PenstockError):
    """The request is right, but something it depends on is in the wrong state."""


class ConflictError(PenstockError):
    """The object is in a state in which this cannot be done."""


class PayloadTooLargeError(PenstockError):
    """The request is larger than a stated limit."""


class UnavailableError(PenstockError):
    """A store or helper process could not be reached; try again."""


class ExpressionError(PenstockError):
    """An expression of a plan could not be evaluated on the values at hand."""


class TaskError(PenstockError):
    """Why a task attempt failed, in words for its author.

    Attributes:
        kind: machine-readable cause, see `domain.execution.FailureKind`.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
