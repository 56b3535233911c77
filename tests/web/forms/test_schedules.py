"""The fields of a workspace's schedules."""

from fini_admin.web.forms.schedules import ScheduleForm


def test_each_provider_has_a_field_that_says_what_may_be_typed() -> None:
    form = ScheduleForm()
    assert [field.label for field in form] == [
        f"Hours between discoveries of {label}" for label in ("Notion", "Zendesk", "Confluence")
    ]
    assert {field.help_text for field in form} == {"1 to 720. Empty: never."}
