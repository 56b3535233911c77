import pytest

from tests.support import people


@pytest.fixture
def acme(db):
    return people.workspace()


@pytest.fixture
def other(db):
    return people.workspace("other", "Other Company")
