"""What comes next for a source, in words."""

import pytest

from fini_admin.sources.states import State
from fini_admin.web.wording.sources import NEXT_STEPS, QueuePlace, what_next
from tests.support.sources import bare


@pytest.mark.parametrize("state", [state for state in State if state != State.QUEUED])
@pytest.mark.parametrize("provider", ["notion", "web", "files"])
def test_each_state_says_what_comes_next(state: State, provider: str) -> None:
    told = what_next(bare(state=state, provider=provider))
    assert told.what.endswith(".")
    assert told.then.endswith(".") or state == State.GONE
    assert bool(told.page) == bool(told.button)
    if provider != "notion":
        assert told.page != "register"


def test_no_state_is_without_words() -> None:
    assert set(NEXT_STEPS) | {State.QUEUED} == set(State)


def test_usable_is_never_said_to_be_published() -> None:
    told = what_next(bare(knowledge_id="k", operation="UPDATE_ARTICLE"))
    assert told.what.startswith("Usable is not yet published: answers change only after review in Fini.")
    assert told.then == (
        "It is linked to knowledge in Fini: a change of an article. Review it there, under Review and Approvals."
    )
    assert what_next(bare()).then.startswith("No article is linked to it yet.")
    assert "SOMETHING_NEW" in what_next(bare(knowledge_id="k", operation="SOMETHING_NEW")).then


def test_a_change_of_the_original_is_said() -> None:
    assert "the original changed since" in what_next(bare(changed=True)).what
    assert "the original changed since" not in what_next(bare(changed=True, state="running")).what


def test_a_place_in_the_queue_says_its_lane_or_its_run() -> None:
    queued = bare(state="queued")
    assert "for the first time" in what_next(queued, QueuePlace("add", None)).what
    assert "again" in what_next(queued, QueuePlace("refresh", None)).what
    assert what_next(queued, QueuePlace("", None)).query == "?lane=unread&q=id-a"
    taken = what_next(queued, QueuePlace("add", 41))
    assert (taken.what, taken.page) == ("Run 41 has taken it and sends it to ingestion.", "")


@pytest.mark.parametrize("state", ["failed", "empty"])
def test_raw_files_are_not_sent_round_the_queue(state: str) -> None:
    assert "Upload the file again in Fini" in what_next(bare(state=state, provider="files")).then
