"""At run time, too, each connection comes out of the transport (P1); test_house_rules.py reads the imports."""

import socket
import traceback

from fini_admin.audit import transport
from fini_admin.fini import routes
from fini_admin.fini.routes import Resource

PAGE = Resource("n-1", "Travel policy", "https://www.notion.so/n-1", "text/markdown").body()


def test_every_connection_is_made_by_the_transport(send, monkeypatch):
    stacks: list[list[str]] = []
    plain = socket.socket.connect

    def connect(self, address):
        stacks.append([frame.filename for frame in traceback.extract_stack()])
        return plain(self, address)

    transport._thread_session().close()
    monkeypatch.setattr(socket.socket, "connect", connect)
    value = send(routes.register("notion", [PAGE])).value
    send(routes.list_sources(limit=5))
    send(routes.ingest("notion", add=value.all, refresh=[]))
    send(routes.delete(value.all))
    monkeypatch.undo()
    assert len(stacks) == 3  # one kept alive for what may be repeated, a fresh one for each of the other two
    assert [stack for stack in stacks if transport.__file__ not in stack] == []
