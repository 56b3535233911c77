"""What a page says of the open branches of a tree, as it was sent."""

from fini_admin.web.forms.discover import opened_branches


def test_what_is_open_is_read_tolerantly() -> None:
    assert opened_branches("5-2.7", "5-3") == {5: 3, 7: 1}
    assert opened_branches("", "0-0.-.x-1.8-x") == {0: 1, 8: 1}
