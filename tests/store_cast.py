"""How do tickets get into the store when its tests begin?"""

from desk_cast import MONDAY

from mailgate.desk.ticket import Ticket
from mailgate.store import tickets
from mailgate.store.database import Store


def keep(store: Store, *values: Ticket) -> None:
    """Open them as a decision would."""
    with store.writing() as write:
        for value in values:
            tickets.next_serial(write, value.desk, 2026)
            tickets.open_ticket(write, value, MONDAY)
