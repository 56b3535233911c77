"""Keys, scopes and the rate limit."""

import pytest

READ, WRITE, OTHER = ("fini_" + word * 4 for word in ("readonly", "writeonly", "otherone"))
UNKNOWN = "00000000-0000-4000-8000-000000000000"
REQUESTS: list[tuple] = [
    ("GET", "", None, "read"),
    ("GET", f"/{UNKNOWN}", None, "read"),
    ("GET", "/resources/notion", None, "read"),
    ("POST", "/resources/notion", {}, "write"),
    ("POST", "", {}, "write"),
    ("POST", "/deep-crawl/links", {"links": []}, "write"),
    ("POST", "/refresh", {}, "write"),
    ("DELETE", "", {}, "write"),
]


@pytest.mark.parametrize(("method", "path", "body", "scope"), REQUESTS)
def test_each_route_wants_its_scope_before_it_looks_at_the_body(fini, sandbox, method, path, body, scope):
    sandbox.add_key(READ, scopes=["read"])
    sandbox.add_key(WRITE, scopes=["write"])
    wrong, right = (WRITE, READ) if scope == "read" else (READ, WRITE)
    answer = fini.call(method, f"/v2/documents/public{path}", body, key=wrong)
    assert answer.data == {
        "statusCode": 403,
        "message": "API key does not have the required scope for this operation",
        "error": "Forbidden",
    }
    assert fini.call(method, f"/v2/documents/public{path}", body, key=right).status in {200, 400, 404}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer fini_unknown", "Basic eDp5", "fini_sandbox"])
def test_a_missing_malformed_or_unknown_key_is_unauthorized(fini, header):
    answer = fini.get(Authorization=header)
    assert answer.data == {"statusCode": 401, "message": "Unauthorized", "error": "Unauthorized"}
    assert answer.status == 401


def test_a_key_opens_its_own_workspace_only(fini, sandbox):
    sandbox.add_key(OTHER, "other")
    fini.register("a", key=OTHER)
    assert [record["externalId"] for record in sandbox.documents("other")] == ["a"]
    assert fini.get(key=OTHER).data["documents"][0]["externalId"] == "a"


def test_a_key_is_revoked_at_once(fini, sandbox):
    assert fini.get().status == 200
    sandbox.revoke(sandbox.key)
    assert fini.get().status == 401


def test_unknown_routes_are_not_found(fini):
    assert fini.call("GET", "/v2/nothing").data["message"] == "Cannot GET /v2/nothing"
    assert fini.call("PUT", "/v2/documents/public", {}).status == 404


def test_the_rate_is_limited_per_workspace_and_refusals_do_not_count(fini, sandbox):
    sandbox.settings(per_minute=3)
    sandbox.add_key(READ, scopes=["read"])
    sandbox.add_key(OTHER, "other")
    assert [fini.get(key=key).status for key in (None, READ, None, READ, None)] == [200, 200, 200, 429, 429]
    assert fini.get(key=OTHER).status == 200
    sandbox.advance(61)
    assert [fini.get().status for _ in range(4)] == [200, 200, 200, 429]


def test_the_window_slides(fini, sandbox):
    sandbox.settings(per_minute=2)
    seen = []
    for seconds in (0, 40, 10, 15, 1, 40):
        sandbox.advance(seconds)
        seen.append(fini.get().status)
    assert seen == [200, 200, 429, 200, 429, 200]


def test_a_refusal_is_an_envelope_and_says_when_only_if_switched_on(fini, sandbox):
    sandbox.settings(per_minute=1)
    fini.get()
    plain = fini.get()
    sandbox.settings(retry_after=True)
    assert (plain.data["statusCode"], plain.data["error"]) == (429, "Too Many Requests")
    assert plain.headers["Retry-After"] is None
    assert 55 <= int(fini.get().headers["Retry-After"]) <= 60


def test_refused_keys_do_not_use_up_the_rate_but_refused_bodies_do(fini, sandbox):
    sandbox.settings(per_minute=1)
    assert [fini.get(key="fini_wrong").status for _ in range(2)] == [401, 401]
    assert fini.post("/refresh", {}).status == 400
    assert fini.get().status == 429


def test_no_limit_lets_everything_in(fini, sandbox):
    sandbox.settings(per_minute=None)
    assert {fini.get("?limit=1").status for _ in range(120)} == {200}
