"""The control routes under /_sandbox/. They are not Fini's: never limited, delayed, faulted or logged."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs

from fini_admin.sandbox import synthetic
from fini_admin.sandbox.errors import ApiError, bad_request
from fini_admin.sandbox.keys import READY_WORKSPACE, SCOPES
from fini_admin.sandbox.world import World

PREFIX = "/_sandbox/"
_Body = dict[str, Any]


def control(world: World, method: str, target: str, body: object) -> object:
    """Answer a control request; a ValueError raised below becomes a 400 with its text."""
    path, _, query = target.partition("?")
    handler = _HANDLERS.get((method, path.removeprefix(PREFIX)))
    if handler is None:
        known = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in _HANDLERS)
        raise ApiError(404, f"Cannot {method} {path}; control routes: {known}")
    values = {key: given[-1] for key, given in parse_qs(query).items()}
    if body is not None and not isinstance(body, dict):
        raise bad_request("the body must be a JSON object")
    with world.lock:
        world.now()
        try:
            return handler(world, {**values, **(body or {})})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise bad_request(f"{type(error).__name__}: {error}") from error


def _get_settings(world: World, _: _Body) -> object:
    return asdict(world.settings)


def _patch_settings(world: World, body: _Body) -> object:
    world.change_settings(world.settings.changed(body))
    return asdict(world.settings)


def _get_faults(world: World, _: _Body) -> object:
    return {"faults": world.faults.left()}


def _post_fault(world: World, body: _Body) -> object:
    return world.faults.add(body).rest()


def _delete_faults(world: World, _: _Body) -> object:
    world.faults.clear()
    return {"faults": []}


def _get_log(world: World, body: _Body) -> object:
    return {"requests": world.log.since(int(body.get("since", 0)))}


def _delete_log(world: World, _: _Body) -> object:
    world.log.clear()
    return {"requests": []}


def _post_key(world: World, body: _Body) -> object:
    key, workspace = body["key"], body.get("workspace", READY_WORKSPACE)
    scopes = body.get("scopes", list(SCOPES))
    if (
        not isinstance(key, str)
        or not key
        or not isinstance(workspace, str)
        or not set(scopes) <= set(SCOPES)
    ):
        raise ValueError("key and workspace are texts, scopes a list of read and write")
    world.keys.add(key, workspace, scopes)
    world.changes += 1
    return {"workspace": workspace, "scopes": scopes}


def _delete_key(world: World, body: _Body) -> object:
    if not world.keys.revoke(body["key"]):
        raise ApiError(404, "That key is not valid anyway")
    world.changes += 1
    return {"revoked": True}


def _get_documents(world: World, body: _Body) -> object:
    size = world.settings.paragraph_bytes
    documents = world.store.of(body.get("workspace", READY_WORKSPACE))
    return {"documents": [document.summary(size) for document in documents]}


def _post_documents(world: World, body: _Body) -> object:
    workspace, ms = body.get("workspace", READY_WORKSPACE), world.clock.ms()
    ids = synthetic.add_many(world.store, workspace, ms, body) if "count" in body else []
    ids += [synthetic.add_record(world.store, workspace, ms, record) for record in body.get("documents", [])]
    return {"ids": ids}


def _patch_document(world: World, body: _Body) -> object:
    document = world.store.get(synthetic.change_record(world.store, world.clock.ms(), body))
    return document.summary(world.settings.paragraph_bytes) if document else None


def _delete_documents(world: World, body: _Body) -> object:
    found = [document for name in body["ids"] if (document := world.store.get(name))]
    for document in found:
        world.store.remove(document)
    return {"removed": len(found)}


def _advance(world: World, body: _Body) -> object:
    seconds = float(body["seconds"])
    if not 0 <= seconds < float("inf"):
        raise ValueError("the clock only goes forward")
    world.clock.advance(seconds)
    world.now()
    world.changes += 1
    return {"seconds": world.clock.offset}


def _reset(world: World, _: _Body) -> object:
    world.reset()
    return {"reset": True}


_HANDLERS: dict[tuple[str, str], Callable[[World, _Body], object]] = {
    ("GET", "settings"): _get_settings,
    ("PATCH", "settings"): _patch_settings,
    ("GET", "faults"): _get_faults,
    ("POST", "faults"): _post_fault,
    ("DELETE", "faults"): _delete_faults,
    ("GET", "log"): _get_log,
    ("DELETE", "log"): _delete_log,
    ("POST", "keys"): _post_key,
    ("DELETE", "keys"): _delete_key,
    ("GET", "documents"): _get_documents,
    ("POST", "documents"): _post_documents,
    ("PATCH", "documents"): _patch_document,
    ("DELETE", "documents"): _delete_documents,
    ("POST", "advance"): _advance,
    ("POST", "reset"): _reset,
}
