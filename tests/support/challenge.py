"""The question who one is, as a form's answer (web/accounts/challenge.py): what it carries, and the reply to it."""

from typing import Any

from tests.support import people
from tests.support.markup import Data, Form, Page

QUESTION = "again"


def question(answer: Any) -> Form | None:
    """The question's form, where an answer is the question."""
    forms = Page(answer.content.decode(), "/").forms
    found = [form for form in forms if form.attributes.get("id") == QUESTION]
    return found[0] if found and answer.status_code == 422 else None


def asks(answer: Any) -> bool:
    """Whether an answer is the question."""
    return question(answer) is not None


def reply(answer: Any, **given: str) -> Data:
    """What the question's form sends, by default with the right password."""
    form = question(answer)
    assert form, answer.status_code
    typed = given or {"password": people.PASSWORD}
    return form.data() | {f"{QUESTION}-{name}": [value] for name, value in typed.items()}


def confirm(client: Any, answer: Any, **given: str) -> Any:
    """The answer to the reply."""
    form = question(answer)
    assert form
    return client.post(form.address(), reply(answer, **given))
