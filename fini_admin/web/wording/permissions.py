"""What each permission lets a person do; workspaces/permissions.py maps them to roles."""

from fini_admin.workspaces.permissions import Permission

PERMISSIONS_IN_WORDS: tuple[tuple[str, set[Permission]], ...] = (
    (
        "Read sources with their history, the queue, the runs",
        {Permission.SOURCES_READ, Permission.QUEUE_READ, Permission.RUNS_READ},
    ),
    ("Read the list of calls: who, when, route, outcome", {Permission.CALLS_READ}),
    ("Discover, and sync", {Permission.SOURCES_DISCOVER}),
    ("Crawl the web", {Permission.SOURCES_CRAWL}),
    ("Register", {Permission.SOURCES_REGISTER}),
    ("Ingest", {Permission.SOURCES_INGEST}),
    (
        "Refresh sources, retry what failed, pause and stop runs",
        {Permission.SOURCES_REFRESH, Permission.RUNS_STEER},
    ),
    ("Hold all work of the workspace", {Permission.WORK_HOLD}),
    ("Delete sources", {Permission.SOURCES_DELETE}),
    ("Take sources out of the queue and put them back", {Permission.QUEUE_REMOVE}),
    ("Read the bodies of calls, and the activity", {Permission.BODIES_READ, Permission.ACTIVITY_READ}),
    ("Search the audit trail by person", {Permission.PEOPLE_SEARCH}),
    ("Save searches of the audit trail", {Permission.SEARCHES_SAVE}),
    ("Share saved searches with everybody here", {Permission.SEARCHES_SHARE}),
    ("Manage keys", {Permission.KEYS_MANAGE}),
    ("Manage members", {Permission.MEMBERS_MANAGE}),
    ("Manage settings", {Permission.SETTINGS_MANAGE}),
)
