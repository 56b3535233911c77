"""What a refusal is about: everything alike, the batch's size, or one item (T4)."""

from typing import Any

import pytest

from fini_admin.fini.errors import BadRequest
from fini_admin.ingestion.engine.settle import concerns_all
from fini_admin.ingestion.engine.split import _stated_limit
from fini_admin.ingestion.models import ItemOutcome
from fini_admin.workspaces.models import Workspace
from tests.support.sandbox import Sandbox
from tests.support.work import Start, drive, ends, resources

NOTION = "/v2/documents/public/resources/notion"
ABOUT_ALL = [
    "Provider notion is not connected",
    "notion is not yet connected",
    "The provider must already be connected in Fini's dashboard",
    "The provider was disconnected",
    "Unsupported provider: intercom",
    "API key does not have the required scope for this operation",
    "resources.0.property color should not exist",
    "title must be a string; Provider 'notion' is not connected",
]
ABOUT_ONE = [
    "resources.7.title 'Microscope manual' is too long",
    "resources.7.title Microscope manual is too long",
    'title "Provider is not connected" is too long',
    "title 'The provider's integration is not connected' can't be taken",
    "title “What to do when Notion is disconnected” is too long",
    "Scope of work is no valid title",
    "How devices are connected: too long",
    "This page should not exist: too long",
    "One or more documents do not exist in this workspace for this source",
]


@pytest.mark.parametrize("message", ABOUT_ONE[:3])
def test_a_refusal_that_names_an_item_ends_that_item_alone(
    acme: Workspace, sandbox: Sandbox, register: Start, settings: Any, message: str
) -> None:
    settings.FINI_BATCH_SIZE = 1
    sandbox.fault(method="POST", path=NOTION, status=400, message=[message])
    run = register(resources(3))
    drive(acme)
    assert ends(run) == {"done": 2, "refused": 1}
    assert message in run.items.get(outcome=ItemOutcome.REFUSED).reason


@pytest.mark.parametrize(
    ("message", "all_alike"), [(said, True) for said in ABOUT_ALL] + [(said, False) for said in ABOUT_ONE]
)
def test_only_what_fini_says_itself_of_provider_body_or_key_concerns_all(
    message: str, *, all_alike: bool
) -> None:
    assert concerns_all(BadRequest(message)) is all_alike


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("resources must contain no more than 50 elements", 50),
        ("a batch may hold up to 20 sources", 20),
        ("the title 'Batches of at most 3 elements' is too long", None),
        ("Elementary school: up to 3 pupils: too long", None),
    ],
)
def test_a_limit_is_only_what_fini_says_itself_of_a_batch(message: str, limit: int | None) -> None:
    assert _stated_limit(message) == limit
