"""What each page is for, by the name of its URL: the paragraph under *What happens here?*."""

EXPLANATIONS = {
    "home": (
        "Every workspace you belong to, with what needs attention in it. A workspace here stands for one"
        " workspace in Fini: its sources, keys, runs and audit trail belong to it alone. Open one to work in"
        " it."
    ),
    "workspace": (
        "The list at the top is what cannot go on without a person, the most pressing first. The bar shows"
        " every source of the workspace by its state, so its numbers add up. Below: how many became usable"
        " and how long that took, how fresh each provider's list is, and the latest runs. The page updates"
        " by itself and asks Fini nothing."
    ),
    "runs": (
        "A run is one operation on Fini: a discovery, a registration, an ingestion, a refresh, a deletion,"
        " a crawl or a sync. Each ID in it ends as done, refused, failed, unknown or skipped. Hold"
        " everything stops all that the workspace sends until an admin resumes everything; what was sent already"
        " is followed to its end."
    ),
    "run": (
        "The bar shows every ID of the run by its outcome, and each part of it filters the list below. An"
        " ingestion is done when its source is usable. What needs attention is grouped by its reason, with a"
        " retry where one is safe: a retry is a run of its own. Pause and Stop hold back what was not sent"
        " yet; what was sent is followed."
    ),
    "discover": (
        "Discover asks Fini what a connected provider holds, which changes nothing. Tick what you want, or"
        " a whole branch: Register creates a record in Fini and puts it into the queue, Register and ingest"
        " also sends it to be processed. Nothing is sent before you have confirmed a preview."
    ),
    "register": (
        "Registering creates or updates records in Fini for resources that you name: one by one, pasted, or"
        " from a file. Nothing is processed until you ingest it. What is registered already is updated. A preview"
        " shows the exact calls before anything is sent."
    ),
    "web": (
        "Pages on the web need no provider. Paste addresses to have Fini fetch and process them at once, or"
        " crawl a site first: Fini then lists the addresses it finds, and you pick those to ingest. A crawl"
        " stores nothing by itself."
    ),
    "queue": (
        "Registering puts a source here, and nothing is processed until it is sent. Add holds what Fini has"
        " never processed, Refresh what it is to process again. Sending opens a preview with the exact"
        " calls. Removing takes a source out of the queue only: it stays registered in Fini, and can be put"
        " back."
    ),
    "sources": (
        "A source is Fini's record of one resource. This list mirrors Fini's and updates by itself while"
        " runs go on; a sync also brings in what was added in Fini's own pages. Usable means that Fini has"
        " content of it: answers change only after review in Fini. Select sources to refresh, retry or"
        " delete them."
    ),
    "source": (
        "Everything that is known of one source: its state and what comes next, what can be done with it"
        " now, every field of Fini's record, and each change of its state with the call that showed it. The"
        " text itself is not stored here, only its size, a hash and its first characters."
    ),
    "calls": (
        "Each line is one request to Fini, recorded before it was sent, with its outcome. A retry is a call"
        " of its own. The rows are chained by hashes, so a later change or a missing row is detected by"
        " verify_audit. A call that is lost may have reached Fini: it is read back before anything is sent"
        " again."
    ),
    "call": (
        "One request and what came of it: the exact bodies, who caused it and why, which sources it showed"
        " to have changed, and its place in the audit trail. What can be copied of it holds no key."
    ),
    "activity": (
        "What people did here: keys, members, settings, runs they started or stopped, exports. Reading a"
        " page is not recorded. Each line is a row of the same chained audit trail as the calls, so it"
        " cannot be changed unseen."
    ),
    "searches": (
        "A saved search keeps what Audit or Activity was searched by, under a name. It is yours until an admin"
        " shares it with everybody here; sharing and withdrawing stand in Activity. Opening one leads to the"
        " list as it is now: a search keeps its conditions, not what it found."
    ),
    "keys": (
        "Calls go out with the live key. A new key waits until you verify it and switch to it; the former"
        " one can stay as a fallback for a while. Keys are encrypted, and nobody can see one again, so keep"
        " it in your own vault too. Switching a key off erases it here; revoke it in Fini as well."
    ),
    "key_edit": (
        "Label, purpose, owner and expiry are notes for people. The key itself and its state do not change,"
        " and rows of the audit trail keep the label of their time."
    ),
    "members": (
        "Who may open this workspace, and what each role may do in it. Somebody without an account gets a"
        " link that works once. Every change of a member is recorded in Activity."
    ),
    "settings": (
        "How fast this workspace may call Fini, how large its batches are, how long the audit trail is"
        " kept, and which providers are discovered on a schedule. Each field shows the value in force. A"
        " change counts for what is sent from then on."
    ),
    "preview": (
        "What will be sent if you confirm: the frozen list, cut into the calls shown here. What became"
        " ineligible meanwhile is skipped and said; nothing is ever added. Confirming twice leads to the"
        " same run."
    ),
    "workspaces": (
        "Every workspace of this installation. A new one is empty: add a key and its members next."
        " Archiving stops its calls and schedules and keeps its audit trail; it can be restored."
    ),
    "people": (
        "Everyone who has an account here. Whoever is switched off is logged out everywhere at once; what they"
        " did stays in the audit trail."
    ),
    "styleguide": "Each part of the pages in each of its states, to look at when something is changed.",
    "preferences": (
        "Theme and density can also be changed under your name at the foot of the menu. Times are shown in the"
        " zone chosen here, whose name stands at the foot too; hover over a time to see it in UTC."
    ),
    "mfa_index": (
        "With a second factor a log-in also asks for a code from an app on your phone. Recovery codes"
        " stand in for it once each: keep them where the phone is not."
    ),
    "sessions": "Each browser in which you are logged in. End those that you do not know, then change your password.",
}
# Pages that share a paragraph with another one.
EXPLANATIONS |= {
    "deletion": EXPLANATIONS["preview"],
    "workspace_archive": EXPLANATIONS["workspaces"],
    "person": EXPLANATIONS["people"],
    "mfa_activate_totp": EXPLANATIONS["mfa_index"],
    "mfa_deactivate_totp": EXPLANATIONS["mfa_index"],
    "mfa_view_recovery_codes": EXPLANATIONS["mfa_index"],
    "mfa_generate_recovery_codes": EXPLANATIONS["mfa_index"],
}


def explanation(url_name: str | None) -> str:
    """The paragraph of a page; empty where it has none."""
    return EXPLANATIONS.get(url_name or "", "")
