"""A call whose open row was removed by hand: verify names it, and it is opened again, to be closed as lost (P1)."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from fini_admin.audit import recording
from fini_admin.audit import verify as verifying
from fini_admin.audit.models import Entry, Head, OpenCall
from fini_admin.audit.names import CallKind
from fini_admin.audit.recording import Context, Superseded
from fini_admin.audit.verify import ChainBroken, verify
from tests.support import people, rows


def removed(call: str) -> None:
    OpenCall.objects.filter(call=call).delete()


def of_another_chain(call: str) -> None:
    OpenCall.objects.filter(call=call).update(chain=str(people.workspace("other", "Other").pk))


def of_another_call(call: str) -> None:
    OpenCall.objects.filter(call=call).update(call="another")


TAMPERINGS = [removed, of_another_chain, of_another_call]


@pytest.fixture
def flying(context: Context) -> str:
    """A call in flight, behind one with its outcome and before another in flight."""
    rows.answered(context)
    call = rows.asked(context)
    rows.asked(context)
    return call


def close(call: str) -> Entry:
    """As the worker does with an open call whose lease ran out."""
    assert call in [call for call, _ in recording.calls_to_close()]
    with transaction.atomic():
        recording.write_lost(call)
    return Entry.objects.get(call=call, kind=CallKind.LOST)


def test_calls_in_flight_are_no_break(flying, context):
    assert verify(context.chain) == 5
    assert recording.restore_open_calls(context.chain) == 3
    assert recording.calls_to_close() == []


@pytest.mark.parametrize("act", TAMPERINGS)
def test_verify_names_the_row_of_a_call_that_is_neither_open_nor_ended(flying, act):
    act(flying)
    with pytest.raises(CommandError) as found:
        call_command("verify_audit", all=True)
    assert str(found.value) == (
        f"acme: row 4: its call {flying} has no outcome, and the row that says it is open was removed"
    )


@pytest.mark.parametrize("act", TAMPERINGS)
def test_it_is_opened_again_and_closed_as_lost(flying, context, act: Callable[[str], None]):
    act(flying)
    assert recording.restore_open_calls(context.chain) == 3
    lost = close(flying)
    assert (lost.outcome, lost.error) == ("unknown", recording.ROW_REMOVED)
    assert verify(context.chain) == 6
    assert recording.restore_open_calls(context.chain) == 4


def test_a_call_that_was_open_when_it_was_looked_at_is_looked_at_again(flying, context):
    place = recording.restore_open_calls(context.chain)
    removed(flying)
    assert recording.restore_open_calls(context.chain, place) == place
    assert OpenCall.objects.get(call=flying).owner == recording.NOBODY
    assert [one.seq for one in recording.calls_without_outcome(context.chain, 4)] == [5]


def test_where_a_chain_became_shorter_it_is_looked_at_from_its_new_end(flying, context):
    assert recording.restore_open_calls(context.chain, 1_000) == Head.objects.get(chain=context.chain).seq


def test_an_answer_that_comes_before_it_is_closed_still_counts(flying, context):
    removed(flying)
    with pytest.raises(Superseded), transaction.atomic():
        rows.outcome(flying, rows.LIST, context, error=None, kind=CallKind.ANSWERED, status=200)
    recording.restore_open_calls(context.chain)
    with transaction.atomic():
        rows.outcome(flying, rows.LIST, context, error=None, kind=CallKind.ANSWERED, status=200)
    assert verify(context.chain) == 6
    assert not OpenCall.objects.filter(call=flying).exists()


def test_a_call_that_ended_meanwhile_is_not_opened(flying, context, monkeypatch):
    """Between the look and the lock another worker opened and closed it."""
    removed(flying)
    plain = recording.calls_without_outcome
    looks: list[list[recording.CallWithoutOutcome]] = []

    def ended_meanwhile(name: str, after: int = 0) -> list[recording.CallWithoutOutcome]:
        found = plain(name, after)
        if not looks:
            looks.append(found)
            recording._restore_open_call(name, flying)
            close(flying)
        return found

    monkeypatch.setattr(recording, "calls_without_outcome", ended_meanwhile)
    recording.restore_open_calls(context.chain)
    assert not OpenCall.objects.filter(call=flying).exists()
    assert verify(context.chain) == 6


def test_a_call_that_ends_while_its_chain_is_verified_is_no_break(flying, context, monkeypatch):
    plain = verifying.authentic_head

    def ended_meanwhile(name: str) -> Head:
        head = plain(name)
        if OpenCall.objects.filter(call=flying).exists():
            rows.outcome(flying, rows.LIST, context, error=None, kind=CallKind.ANSWERED, status=200)
        return head

    monkeypatch.setattr(verifying, "authentic_head", transaction.atomic(ended_meanwhile))
    assert verify(context.chain) == 5


def test_a_call_whose_sender_ended_says_so(flying):
    OpenCall.objects.filter(call=flying).update(lease_until=datetime.now(UTC))
    assert close(flying).error == recording.SENDER_ENDED


def test_a_call_without_outcome_breaks_a_chain_only_once_its_rows_are_right(flying, context):
    removed(flying)
    Head.objects.filter(chain=context.chain).update(seq=2)
    with pytest.raises(ChainBroken, match="the head was changed"):
        verify(context.chain)
