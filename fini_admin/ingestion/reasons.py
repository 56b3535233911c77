"""What the engine says of an ID or an address that did not end well; what each means is in causes.py."""

LOOKED_AT = 2_000  # characters of a refusal, which may be as long as an answer and slow to search

NO_END = "No end after 24 hours"
END_UNSEEN = "Fini took it, and whether the end that its record shows is of this job cannot be told"
NEVER_SHOWN = "For a day neither Fini's list nor its ID told of its record"
IN_DOUBT_AND_REFUSED = "No answer came, and the repeat was refused: {}"
NO_RECORD = "Fini registered the batch, but no record with this external ID was found"
NOTHING_USABLE = "Fini completed it and found nothing usable"
NOT_SAID_WHY = "Fini failed on it and did not say why"

# Of an address, whose record is looked for in Fini's list.
JOINED = (
    "Fini took the call and has no record of this address: it may have merged it with another address, or left it"
    " out. It was not sent again"
)
OTHERS = "Fini took the call and keeps this page under another address, one of"
MAYBE_OTHERS = (
    "No answer came, and Fini has no record of this address, but records came in meanwhile that may be of it:"
)
ANOTHER_ID = "Fini answered with another ID, which may be of this page. It was not sent again"
HALF_DONE = (
    "No answer came. Fini has other addresses of the same call and no record of this one: it may have merged it with"
    " another. It was not sent again"
)
NOT_READ = "What became of this address could not be read"
LIST_LOST = "Fini's list does not advance, so it is unknown what became of this address"
