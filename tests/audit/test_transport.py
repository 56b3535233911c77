"""The only way to Fini (P1), over a real socket."""

import hashlib
import socket
import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import DatabaseError, transaction

from fini_admin.audit import recording, transport
from fini_admin.audit.models import Entry, OpenCall
from fini_admin.audit.recording import Superseded
from fini_admin.fini import errors, routes
from fini_admin.fini.errors import Outcome
from fini_admin.fini.routes import Resource
from tests.audit.sockets import closed_port, server
from tests.support import people
from tests.support.cpu import lateness

LIST = routes.list_sources(limit=5)
ON_ITS_OWN = replace(LIST, route="refresh")  # on a connection of its own
PAGE = Resource("n-1", "Travel policy", "https://www.notion.so/n-1", "text/markdown").body()


def kinds(rows: list[Entry]) -> list[str]:
    return [row.kind for row in rows]


def lose(call: str) -> None:
    """Close a call as whoever finds its sender gone does."""
    with transaction.atomic():
        recording.write_lost(call)


def request_named(name: str, source: str):
    return {
        "list": LIST,
        "get": routes.get_source(source),
        "discover": routes.discover("zendesk"),
        "register": routes.register("notion", [PAGE]),
        "ingest": routes.ingest("notion", add=[], refresh=[source]),
        "refresh": routes.refresh([source]),
        "delete": routes.delete([source]),
        "crawl": routes.crawl(["https://help.acme.example"]),
    }[name]


@pytest.mark.parametrize(
    "name", ["list", "get", "discover", "register", "ingest", "refresh", "delete", "crawl"]
)
def test_each_route_is_sent_as_recorded(send, sandbox, calls, source, name):
    request = request_named(name, source)
    done = send(request)
    assert (done.error, done.value is not None) == (None, True)
    asked, outcome = calls()
    (got,) = sandbox.log()
    assert (got["request_id"], got["method"], got["path"]) == (done.call, asked.method, asked.path)
    assert got["body_sha256"] == asked.request_sha256 == hashlib.sha256(request.payload).hexdigest()
    assert (asked.kind, outcome.kind, outcome.status, outcome.outcome) == (
        "call.asked",
        "call.answered",
        200,
        "done",
    )
    assert (asked.call, outcome.call, asked.route, asked.run, asked.key) == (
        done.call,
        done.call,
        name,
        7,
        "main",
    )
    assert not OpenCall.objects.exists()


FAULTS = [
    ({"status": 400, "message": ["a", "b"]}, errors.BadRequest, "call.answered", "refused"),
    ({"status": 401}, errors.KeyRefused, "call.answered", "refused"),
    ({"status": 403}, errors.ScopeMissing, "call.answered", "refused"),
    ({"status": 404}, errors.NotFound, "call.answered", "refused"),
    ({"status": 429}, errors.Throttled, "call.answered", "not done"),
    ({"status": 500}, errors.FiniFailed, "call.answered", "unknown"),
    ({"drop": "before"}, errors.Dropped, "call.lost", "unknown"),
    ({"drop": "after"}, errors.Dropped, "call.lost", "unknown"),
    ({"truncate": True}, errors.Dropped, "call.lost", "unknown"),
    ({"body": "<h1>gateway</h1>"}, errors.NotUnderstood, "call.answered", "unknown"),
    ({"body": "[1]"}, errors.NotUnderstood, "call.answered", "unknown"),
    ({"body": '{"paragraphs": 5}'}, errors.NotUnderstood, "call.answered", "unknown"),
    ({"body": "", "status": 502}, errors.FiniFailed, "call.answered", "unknown"),
    ({"headers": {"Content-Encoding": "gzip"}}, errors.NotUnderstood, "call.lost", "unknown"),
]


@pytest.mark.parametrize(("fault", "kind", "row", "outcome"), FAULTS)
def test_each_fault_has_its_class_its_row_and_its_outcome(send, sandbox, calls, fault, kind, row, outcome):
    sandbox.fault(**fault)
    done = send(LIST)
    assert (type(done.error), done.value) == (kind, None)
    asked, ended = calls()
    assert (asked.kind, ended.kind, ended.outcome, ended.error) == (
        "call.asked",
        row,
        outcome,
        str(done.error)[:300],
    )
    assert ended.status == (fault.get("status", 200) if row == "call.answered" else None)
    assert [entry["request_id"] for entry in sandbox.log()] == [done.call]


@pytest.mark.parametrize("fault", [{"delay": 9}, {"drip": 0.3, "status": 500}])
def test_no_whole_answer_in_time_is_lost(send, sandbox, calls, settings, fault):
    settings.FINI_TIMEOUT = 1
    sandbox.fault(**fault)
    started = time.monotonic()
    assert type(send(LIST).error) is errors.TimedOut
    assert time.monotonic() - started < 1.9 * lateness()
    assert (kinds(calls()), calls()[1].outcome) == (["call.asked", "call.lost"], "unknown")


@pytest.mark.parametrize("proxied", [False, True])
def test_headers_that_come_byte_by_byte_have_no_more_time_than_others(send, calls, settings, proxied):
    settings.FINI_TIMEOUT = 1
    with server(b"HTTP/1.1 200 OK\r\nX-Patience: " + b"x" * 90, pause=0.1) as (url, _got):
        settings.FINI_API_BASE_URL = "https://fini.invalid" if proxied else url
        settings.FINI_PROXY = url if proxied else ""
        started = time.monotonic()
        error = send(ON_ITS_OWN).error
        assert time.monotonic() - started < 1.9 * lateness()
    assert (type(error), error.outcome) == (errors.TimedOut, Outcome.UNKNOWN)
    assert (kinds(calls()), calls()[1].outcome) == (["call.asked", "call.lost"], "unknown")


def test_an_answer_larger_than_allowed_is_not_understood(send, sandbox, calls):
    sandbox.fault(huge=3 * 1024 * 1024)
    done = send(replace(LIST, most=1024 * 1024))
    assert (type(done.error), "1 MB" in str(done.error)) == (errors.NotUnderstood, True)
    assert (kinds(calls()), calls()[1].outcome) == (["call.asked", "call.lost"], "unknown")
    assert send(LIST).error is None


def test_an_answer_of_just_the_allowed_size_is_read(send, sandbox):
    sandbox.fault(huge=1000)
    assert send(replace(LIST, most=1000)).size == 1000


def unreachable() -> dict[str, str]:
    return {
        "closed port": f"http://127.0.0.1:{closed_port()}",
        "no such host": "http://nonexistent.invalid",
    }


@pytest.mark.parametrize("where", ["closed port", "no such host", "tls"])
@pytest.mark.parametrize("alone", [True, False])
def test_what_certainly_did_not_leave_is_unsent(send, sandbox, calls, settings, where, alone):
    plain = sandbox.url.replace("http://", "https://")
    settings.FINI_API_BASE_URL = plain if where == "tls" else unreachable()[where]
    done = send(ON_ITS_OWN if alone else LIST)
    assert (type(done.error), done.error.outcome) == (errors.Unreachable, Outcome.NOT_DONE)
    assert (kinds(calls()), calls()[1].outcome) == (["call.asked", "call.unsent"], "not done")
    assert sandbox.log() == []


def test_an_untrusted_certificate_is_unsent(send, sandbox, calls, settings, certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=handshake, args=(tls, listener), daemon=True)
        thread.start()
        settings.FINI_API_BASE_URL = f"https://127.0.0.1:{listener.getsockname()[1]}"
        done = send(LIST)
        thread.join(10)
    assert type(done.error) is errors.Unreachable
    assert kinds(calls()) == ["call.asked", "call.unsent"]


def handshake(tls: ssl.SSLContext, listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        try:
            tls.wrap_socket(connection, server_side=True).close()
        except OSError:
            return


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> str:
    """A certificate that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return str(path)


def test_a_proxy_that_refuses_the_tunnel_is_unsent(send, calls, settings):
    with server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as (proxy, got):
        settings.FINI_API_BASE_URL, settings.FINI_PROXY = "https://fini.invalid", proxy
        done = send(ON_ITS_OWN)
    assert got[0].startswith(b"CONNECT fini.invalid:443 ")
    assert people.KEY.encode() not in got[0]
    assert (type(done.error), kinds(calls())) == (errors.Unreachable, ["call.asked", "call.unsent"])
    assert "407" in str(done.error)


def mixed(source: str) -> list:
    return [
        request_named(name, source)
        for name in ("list", "register", "get", "crawl", "discover", "refresh", "ingest")
    ]


def test_p1_every_request_has_one_asked_row_and_every_call_one_outcome(
    send, sandbox, calls, source, settings
):
    for fault in ({"status": 500}, {"drop": "before"}, {"drop": "after"}, {"truncate": True}, {"body": "x"}):
        sandbox.fault(skip=2, **fault)
    requests = mixed(source) * 2
    real = sandbox.url
    for number, request in enumerate(requests):
        unreachable_now = number % 5 == 4
        settings.FINI_API_BASE_URL = f"http://127.0.0.1:{closed_port()}" if unreachable_now else real
        send(request)
    asked = [row for row in calls() if row.kind == "call.asked"]
    outcomes = {row.call: row.kind for row in calls() if row.kind != "call.asked"}
    sent = {entry["request_id"]: entry["body_sha256"] for entry in sandbox.log()}
    assert len(asked) == len(outcomes) == len(requests)
    assert len(calls()) == 2 * len(requests)
    assert {row.call: row.request_sha256 for row in asked if row.call in sent} == sent
    assert len(sandbox.log()) == len(sent)
    assert {outcomes[row.call] for row in asked if row.call not in sent} == {"call.unsent"}
    assert {"call.answered", "call.lost", "call.unsent"} == set(outcomes.values())


def test_the_asked_row_is_durable_before_the_first_byte(send, sandbox, calls, monkeypatch):
    seen: list[tuple[list[str], bool, int]] = []
    plain = socket.socket.connect

    def connect(self, address):
        inside = transaction.get_connection().in_atomic_block
        seen.append((kinds(calls()), inside, OpenCall.objects.count()))
        return plain(self, address)

    outside = transaction.get_connection().in_atomic_block  # the test's own transaction
    monkeypatch.setattr(socket.socket, "connect", connect)
    send(ON_ITS_OWN)
    assert seen == [(["call.asked"], outside, 1)]


@pytest.mark.django_db(transaction=True)
def test_the_network_is_used_outside_of_every_transaction(send, sandbox, calls, monkeypatch):
    seen: list[tuple[bool, list[str]]] = []
    plain = transport._send

    def sent(*args):
        seen.append((transaction.get_connection().in_atomic_block, kinds(calls())))
        return plain(*args)

    monkeypatch.setattr(transport, "_send", sent)
    send(LIST)
    assert seen == [(False, ["call.asked"])]


@pytest.mark.django_db(transaction=True)
def test_an_exchange_inside_a_transaction_is_refused(send, sandbox, calls):
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        send(LIST)
    assert (sandbox.log(), calls()) == ([], [])


def test_a_claim_that_raises_records_and_sends_nothing(send, sandbox, calls):
    def claim(call: str) -> None:
        raise LookupError(call)

    with pytest.raises(LookupError):
        send(LIST, claim=claim)
    assert (sandbox.log(), calls(), OpenCall.objects.count()) == ([], [], 0)


def test_a_process_that_was_held_up_sends_nothing(send, sandbox, calls, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_DELAY", -1.0)
    done = send(routes.register("notion", [PAGE]))
    assert (type(done.error), done.error.outcome) == (transport.NotSent, Outcome.NOT_DONE)
    assert (kinds(calls()), calls()[1].outcome) == (["call.asked", "call.unsent"], "not done")
    assert sandbox.log() == []


def test_a_settle_that_raises_leaves_the_call_open(send, sandbox, calls):
    def settle(done):
        Entry.objects.get(call=done.call)
        raise LookupError(done.call)

    with pytest.raises(LookupError):
        send(LIST, settle=settle)
    assert kinds(calls()) == ["call.asked"]
    assert OpenCall.objects.get().call == sandbox.log()[0]["request_id"]


def test_what_settle_writes_stands_with_the_outcome_or_not_at_all(send, acme, calls, monkeypatch):
    def rename(done):
        type(acme).objects.filter(pk=acme.pk).update(name=done.call)

    done = send(LIST, settle=rename)
    acme.refresh_from_db()
    assert acme.name == done.call

    def fail(*args, **values):
        raise DatabaseError("no space")

    monkeypatch.setattr(transport, "write_outcome", fail)
    with pytest.raises(DatabaseError):
        send(LIST, settle=rename)
    acme.refresh_from_db()
    assert acme.name == done.call
    assert kinds(calls())[2:] == ["call.asked"]


def test_an_answer_after_the_call_was_closed_as_lost_is_not_used(send, acme, calls):
    def too_late(done):
        type(acme).objects.filter(pk=acme.pk).update(name="changed")
        with transaction.atomic():
            recording.write_lost(done.call)

    def lost_meanwhile(call):
        lost.append(call)

    lost: list[str] = []
    plain = transport._attempt

    def attempt(*args):
        answer = plain(*args)
        for call in lost:
            lose(call)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "_attempt", attempt)
        with pytest.raises(Superseded):
            send(LIST, claim=lost_meanwhile, settle=lambda done: acme.__class__.objects.update(name="late"))
    acme.refresh_from_db()
    assert acme.name == "Acme Corporation"
    assert kinds(calls()) == ["call.asked", "call.lost"]
    assert calls()[1].outcome == "unknown"


def test_a_call_is_closed_as_lost_once_and_only_when_its_lease_ran_out(send, context, calls):
    def stop(done):
        raise LookupError

    with pytest.raises(LookupError):
        send(LIST, settle=stop)
    assert recording.calls_to_close() == []
    OpenCall.objects.update(lease_until="2026-01-01T00:00:00Z")
    ((call, name),) = recording.calls_to_close()
    assert name == context.chain
    lose(call)
    assert recording.calls_to_close() == []
    with pytest.raises(Superseded):
        lose(call)
    asked, lost = calls()
    assert (lost.kind, lost.call, lost.outcome) == ("call.lost", call, "unknown")
    same = ("method", "route", "path", "request_sha256", "actor", "origin", "run", "key", "key_id", "attempt")
    assert [getattr(asked, name) for name in same] == [getattr(lost, name) for name in same]


def test_the_heartbeat_extends_the_leases_of_the_calls_it_names_alone(context):
    with transaction.atomic():
        recording.write_asked("call-1", LIST, context)
        recording.write_asked("call-2", LIST, context)
    OpenCall.objects.update(lease_until="2026-01-01T00:00:00Z")
    recording.extend_leases(["call-1"])
    assert [call for call, _ in recording.calls_to_close()] == ["call-2"]
