"""SQL that indexes are made of, written out: SQLite uses an index only where the query says the very same."""

from django.db.models import BooleanField, CharField, Func, IntegerField

from fini_admin.audit.names import OUTCOME_KINDS


class Hundreds(Func):
    """The class of a status: 5 for every 5xx. Whole numbers divide to whole numbers on both engines."""

    template = "(%(expressions)s / 100)"
    output_field = IntegerField()


class IsOutcome(Func):
    """Whether a kind is an outcome's, as the constraint `one_outcome_per_call` says it."""

    template = "%(expressions)s IN (" + ", ".join(f"'{kind}'" for kind in OUTCOME_KINDS) + ")"
    output_field = BooleanField()


class RecordedChain(Func):
    """The chain that a recorded head's detail names: a UUID behind `{"chain":"`, for keys are sorted (chain.line)."""

    template = "SUBSTR(%(expressions)s, 11, 36)"
    output_field = CharField()
