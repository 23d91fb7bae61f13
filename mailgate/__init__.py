"""mailgate: an e-mail help desk gateway."""

__version__ = "0.1.0"
