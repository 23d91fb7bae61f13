"""Which mail leaves before others?"""

from enum import IntEnum

from mailgate.desk.decision import AutoSubmitted, Send, Template


class Priority(IntEnum):
    """The lower leaves first; within one, and always to one person about one ticket, the older."""

    PEOPLE = 0
    """Words that a person wrote; and alerts, which are few and must get out."""
    ANSWERS = 1
    """To a mail, whose writer waits: acknowledgement, receipt, confirmation, state."""
    NOTICES = 2
    """That nobody asked for: notification, reminder, escalation."""
    REPORTS = 3
    """Lists and reports: they are read some time today."""


_REPORTS = frozenset({Template.DIGEST, Template.LIST})


def priority(send: Send) -> Priority:
    if send.automatic is None or send.template is Template.ALERT:
        return Priority.PEOPLE
    if send.template in _REPORTS:
        return Priority.REPORTS
    answers = send.automatic is AutoSubmitted.REPLIED or send.template is Template.ACKNOWLEDGEMENT
    return Priority.ANSWERS if answers else Priority.NOTICES
