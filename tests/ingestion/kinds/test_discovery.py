"""A discovery is started once, however many ask for it."""

import threading
import time

import pytest
from django.db import connection, transaction

from fini_admin.ingestion.kinds import discovery
from fini_admin.ingestion.models import Run
from tests.support import people
from tests.support.who import by


@pytest.mark.django_db(transaction=True)
def test_two_people_who_press_discover_at_once_see_one_run() -> None:
    acme, seen = people.workspace(), []

    def press(who: str) -> None:
        run = discovery.start_or_join(by=by(who), workspace=acme, provider="notion", token=who)
        seen.append(run.number)

    def second() -> None:
        press("bob")
        connection.close()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        press("ada")
        thread.start()
        time.sleep(0.3)  # by now it waits for the first to commit
    thread.join()
    assert seen == [1, 1]
    assert Run.objects.count() == 1
