"""Logging in, as a person does it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.guard import watch


def test_a_person_logs_in_and_sees_the_workspace(signed_in: Page, product):
    expect(signed_in).to_have_url(re.compile(rf"/w/{product.slug}/$"))
    expect(signed_in.get_by_role("heading", name="Home", level=1)).to_be_visible()
    expect(signed_in.get_by_role("navigation", name="Workspaces")).to_contain_text("Acme")


def test_a_wrong_password_says_so_and_keeps_the_address(page: Page, product, sign_in: Callable):
    sign_in(product.email, "not the password")
    expect(page.get_by_text("The address or the password is wrong.")).to_be_visible()
    expect(page.locator("[name=login]")).to_have_value(product.email)


def test_a_password_can_be_looked_at_and_is_sent_as_one(page: Page, product):
    page.goto("/accounts/login/")
    field, button = page.locator("[name=password]"), page.get_by_role("button", name="Show", exact=True)
    page.locator("[name=login]").fill(product.email)
    field.fill("not the password")
    button.press("Space")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(field).to_have_attribute("type", "text")
    kinds = """() => { addEventListener("pagehide", () => {
        sessionStorage.setItem("kind", document.querySelector("[name=password]").type) }) }"""
    page.evaluate(kinds)
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('kind')") == "password"
    assert "not the password" not in page.evaluate("JSON.stringify(sessionStorage)")


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (
            "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')",
            "Content Security Policy",
        ),
        (
            "document.body.insertAdjacentHTML('beforeend', '<img src=\"http://foreign.example/a.png\">')",
            "foreign",
        ),
        ("console.error('broken')", "broken"),
        ("setTimeout(() => { throw new Error('thrown') })", "thrown"),
    ],
    ids=["policy", "foreign host", "console", "script"],
)
def test_the_guard_sees_what_a_person_would_not(context: BrowserContext, product, script: str, fault: str):
    page = context.new_page()
    faults = watch(page, product.url)
    page.goto("/accounts/login/")
    assert faults == []
    page.evaluate(f"() => {{ {script} }}")
    for _ in range(100):
        if faults:
            break
        page.wait_for_timeout(100)
    assert any(fault in text for text in faults), faults
