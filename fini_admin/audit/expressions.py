"""SQL expressions used in indexes. SQLite uses such an index only for a query with the very same expression."""

from django.db.models import BooleanField, CharField, Func, IntegerField

from fini_admin.audit.names import OUTCOME_KINDS


class Hundreds(Func):
    """The class of an HTTP status, 5 for 5xx: integer division on both engines."""

    template = "(%(expressions)s / 100)"
    output_field = IntegerField()


class IsOutcome(Func):
    """Whether a kind is an outcome's, in the words of the constraint `one_outcome_per_call`."""

    template = "%(expressions)s IN (" + ", ".join(f"'{kind}'" for kind in OUTCOME_KINDS) + ")"
    output_field = BooleanField()


class RecordedChain(Func):
    """The chain in a recorded head's detail: the UUID behind `{"chain":"` (chain.canonical_json sorts)."""

    template = "SUBSTR(%(expressions)s, 11, 36)"
    output_field = CharField()


class Aside(Func):
    """A column that no index is used for: which index a search walks is decided in matching.py alone."""

    template = "COALESCE(%(expressions)s, %(expressions)s)"


class IsNotTrue(Func):
    """A condition that does not hold, or cannot be told because a column is empty."""

    template = "(%(expressions)s) IS NOT TRUE"
    output_field = BooleanField()
