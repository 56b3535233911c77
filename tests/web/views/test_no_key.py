"""What starts a run says before it is pressed that there is no key to start it with."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from fini_admin.workspaces.models import ApiKey
from tests.support import people

SAID = "The workspace has no key that Fini takes"
PLACE = '<a href="/w/acme/keys/">Keys</a>'


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["discover/notion/", "sources/", "web/", "settings/"])
@pytest.mark.parametrize("role", ["admin", "editor"])
def test_a_missing_key_is_said_before_the_press(client: Client, page: str, role: str) -> None:
    acme = people.workspace()
    client.force_login(people.member(acme, role))

    def shown() -> str:
        return client.get(f"/w/acme/{page}").content.decode()

    if role == "editor" and page == "settings/":
        assert SAID not in shown()
        return
    assert SAID in shown()
    assert (PLACE in shown()) is (role == "admin")
    assert ("An admin of this workspace can change its keys." in shown()) is (role == "editor")
    key = people.key(acme)
    assert SAID not in shown()
    ApiKey.objects.filter(pk=key.pk).update(refused_at=datetime.now(UTC))
    assert SAID in shown()


@pytest.mark.django_db
def test_who_may_not_sync_is_not_told(client: Client) -> None:
    client.force_login(people.member(people.workspace(), "viewer"))
    assert SAID not in client.get("/w/acme/sources/").content.decode()
