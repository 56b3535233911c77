"""What the trail keeps of bodies: no key (P5), no text of a source (T10)."""

import hashlib
import json
from dataclasses import replace

import pytest

from fini_admin.audit import bodies
from fini_admin.audit.models import Body, Entry
from fini_admin.fini import routes
from fini_admin.fini.errors import NotUnderstood
from fini_admin.fini.routes import Resource
from fini_admin.workspaces.vault import Secret
from tests.support import people

LIST = routes.list_sources(limit=5)
PAGE = Resource("n-1", "Travel policy", "https://www.notion.so/n-1", "text/markdown").body()
SECRET_WORDS = "The vault code is tangerine."


def everything_kept() -> str:
    """All that the trail holds, as one text."""
    rows = [str(value) for row in Entry.objects.values_list() for value in row]
    return "\n".join(rows + [bodies.load_text(body.chain, body.sha256) or "" for body in Body.objects.all()])


ODD = 'fini_a"b\\c/d'


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("key", [people.KEY, "fini_short", ODD])
@pytest.mark.parametrize("form", ["json", "ascii", "plain", "unicode"])
def test_p5_a_key_that_fini_echoes_is_never_stored(send, sandbox, context, status, key, form):
    sandbox.add_key(key)
    text = {
        "json": '{"message": "no key ' + key.replace("\\", "\\\\").replace('"', '\\"') + ' here"}',
        "ascii": '{"message": "no key '
        + key.replace("_", "\\u005f").replace('"', "\\u0022").replace("\\c", "\\\\c")
        + '"}',
        "plain": f"no key {key} here",
        "unicode": '{"message": ["' + "".join(f"\\u{ord(letter):04x}" for letter in key) + '"]}',
    }[form]
    sandbox.fault(status=status, body=text)
    done = send(LIST, context=replace(context, secret=Secret(key)))
    assert key not in str(done.error)
    assert key not in everything_kept()
    assert repr(key)[1:-1] not in everything_kept()
    assert key.replace('"', '\\"') not in everything_kept()


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
WRITTEN = {
    "plain": str,
    "percent": lambda key: "".join(f"%{ord(letter):02x}" for letter in key),
    "percent twice": lambda key: "".join(f"%25{ord(letter):02X}" for letter in key),
    "an escape within JSON": lambda key: "".join(f"\\u{ord(letter):04x}" for letter in key),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("key", [people.KEY, "fini_short", ODD])
@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_p5_a_key_is_never_stored_in_whatever_encoding_fini_answers(
    send, sandbox, context, encoding, key, write
):
    sandbox.add_key(key)
    who = replace(context, secret=Secret(key))
    document = {
        "id": "a-1",
        "title": f"a {write(key)} b",
        "originalUrl": f"https://x.example/?k={write(key)}",
    }
    answers = [
        json.dumps({"documents": [document | {"error": write(key), "externalId": write(key)}]}),
        json.dumps({"documents": [{"id": write(key)}], write(key): write(key)}),
        json.dumps({"message": [f"no {write(key)} here"]}),
        f"no {write(key)} here",
    ]
    said = []
    for body in answers:
        for escaped in (False, True):
            for status in (200, 400):
                sandbox.fault(status=status, body=body, encoding=encoding, escaped=escaped)
                done = send(LIST, context=who)
                said.append(f"{done.value!r} {done.error}")
                assert done.value is None or encoding.startswith("utf-8")
                assert status == 400 or done.value or isinstance(done.error, NotUnderstood)
    for text in [*said, everything_kept()]:
        for form in (key, write(key), json.dumps(key)[1:-1], json.dumps(write(key))[1:-1]):
            assert form not in text
            assert form not in text.replace("\x00", "").replace("\\x00", "")


def test_an_answer_that_is_no_utf_8_says_so_and_its_bytes_are_counted(send, sandbox, calls):
    sandbox.fault(encoding="utf-16")
    done = send(LIST)
    assert str(done.error) == "Fini's answer cannot be read: not UTF-8 text"
    row = calls()[1]
    kept = json.loads(bodies.load_text(row.chain, row.answer_body) or "")
    assert (row.kind, row.outcome, kept["begins"], kept["bytes"]) == (
        "call.answered",
        "unknown",
        "",
        done.size,
    )


def test_trap_10_no_text_of_a_source_stays_in_the_trail(send, sandbox, calls, source):
    sandbox.change(source, paragraphs=[SECRET_WORDS], oldParagraphs=[SECRET_WORDS])
    for request in (LIST, routes.get_source(source)):
        send(request)
    kept = everything_kept()
    digest = hashlib.sha256(SECRET_WORDS.encode()).hexdigest()
    assert "tangerine" not in kept
    assert kept.count(digest) >= 2
    assert f'"paragraphs":1,"characters":{len(SECRET_WORDS)}' in kept


def test_trap_10_of_an_answer_that_is_no_json_an_excerpt_stays(send, sandbox, calls):
    sandbox.fault(body='{"documents": [{"paragraphs": ["' + "x" * 5000)
    send(LIST)
    row = calls()[1]
    kept = bodies.load_text(row.chain, row.answer_body) or ""
    assert kept.count("x") <= 300
    assert '"bytes": 5032' in kept
