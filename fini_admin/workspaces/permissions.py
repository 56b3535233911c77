"""The permissions in a workspace and the roles that have them (P6). web/permissions.py checks them."""

from enum import StrEnum

from fini_admin.workspaces.models import Role


class Permission(StrEnum):
    """A permission in a workspace, as `area:noun:verb`."""

    SOURCES_READ = "sources:source:read"
    SOURCES_DISCOVER = "sources:source:discover"
    SOURCES_REGISTER = "sources:source:register"
    SOURCES_INGEST = "sources:source:ingest"
    SOURCES_REFRESH = "sources:source:refresh"
    SOURCES_CRAWL = "sources:source:crawl"
    SOURCES_DELETE = "sources:source:delete"
    QUEUE_READ = "queue:entry:read"
    QUEUE_REMOVE = "queue:entry:remove"
    RUNS_READ = "runs:run:read"
    RUNS_STEER = "runs:run:steer"
    WORK_HOLD = "runs:work:hold"
    CALLS_READ = "audit:call:read"
    BODIES_READ = "audit:body:read"
    ACTIVITY_READ = "audit:activity:read"
    PEOPLE_SEARCH = "audit:person:search"
    SEARCHES_SAVE = "audit:search:save"
    SEARCHES_SHARE = "audit:search:share"
    KEYS_MANAGE = "keys:key:manage"
    MEMBERS_MANAGE = "members:member:manage"
    SETTINGS_MANAGE = "settings:setting:manage"


VIEWER = frozenset(
    {Permission.SOURCES_READ, Permission.QUEUE_READ, Permission.RUNS_READ, Permission.CALLS_READ}
)
EDITOR = VIEWER | {
    Permission.SOURCES_DISCOVER,
    Permission.SOURCES_REGISTER,
    Permission.SOURCES_INGEST,
    Permission.SOURCES_REFRESH,
    Permission.SOURCES_CRAWL,
    Permission.QUEUE_REMOVE,
    Permission.RUNS_STEER,
    Permission.SEARCHES_SAVE,
}
ADMIN = EDITOR | {
    Permission.SOURCES_DELETE,
    Permission.WORK_HOLD,
    Permission.BODIES_READ,
    Permission.ACTIVITY_READ,
    Permission.PEOPLE_SEARCH,
    Permission.SEARCHES_SHARE,
    Permission.KEYS_MANAGE,
    Permission.MEMBERS_MANAGE,
    Permission.SETTINGS_MANAGE,
}
ALLOWED: dict[Role, frozenset[Permission]] = {Role.VIEWER: VIEWER, Role.EDITOR: EDITOR, Role.ADMIN: ADMIN}


# What a run of each kind needs, and so its retry.
OF_RUNS: dict[str, Permission] = {
    "discover": Permission.SOURCES_DISCOVER,
    "register": Permission.SOURCES_REGISTER,
    "ingest": Permission.SOURCES_INGEST,
    "refresh": Permission.SOURCES_REFRESH,
    "delete": Permission.SOURCES_DELETE,
    "sync": Permission.SOURCES_DISCOVER,
    "crawl": Permission.SOURCES_CRAWL,
    "web": Permission.SOURCES_INGEST,
}


def permission_of(kind: str) -> Permission:
    """The permission that a run of this kind needs."""
    return OF_RUNS[kind]


def roles_with(permission: Permission) -> frozenset[Role]:
    """The roles that have a permission."""
    return frozenset(role for role, held in ALLOWED.items() if permission in held)
