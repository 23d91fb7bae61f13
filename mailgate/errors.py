"""Who must act when something fails?"""


class MailgateError(Exception):
    """What mailgate raises on purpose; its text is one paragraph for the person who must act."""


class TemporaryError(MailgateError):
    """Try again later: a server, a disk or a database did not answer as it should."""


class AuthorizationRefusedError(TemporaryError):
    """The server refuses who we are: waiting mends nothing, somebody has to act at the first failure.

    Of an OAuth2 desk the text says to run `mailgate authorize DESK`.
    """


class UnforeseenError(TemporaryError):
    """Try again later; and what raised its cause may be a fault of ours, so the traceback is worth a look."""


class UnreadableMessageError(MailgateError):
    """Set this one mail aside and take the next; the text is the reason."""


class SettingsError(MailgateError):
    """Refuse to start. Names file, key, value and what would be right; one line for every fault."""


class UsageError(MailgateError):
    """The command line asked for something that cannot be; says what would be right."""
