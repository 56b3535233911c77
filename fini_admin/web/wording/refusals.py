"""Why a request is not followed, in the words that all pages share."""

INCOMPLETE = "The form was incomplete, and nothing was started. Press {button} again."
EDITORS = "Your role does not allow this. Ask an editor or an admin."
ADMINS = "Your role does not allow this. Ask an admin."
