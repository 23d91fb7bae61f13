"""What can a monitoring system ask? GET /metrics for Prometheus, GET /healthz for everybody."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from mailgate.errors import SettingsError, TemporaryError
from mailgate.pulse import Pulse
from mailgate.store import canaries, mails, outbox, submission, troubles
from mailgate.store.database import Store

SILENT_SECONDS = 10
"""Whoever connects and asks nothing keeps no thread of ours for longer."""


class State:
    """Figures read from the store at the moment somebody asks."""

    def __init__(self, store: Store, pulse: Pulse) -> None:
        self._store = store
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        yield from self._parts()
        try:
            yield from self._stored()
        except TemporaryError:
            return  # what is up can be told without the database, now above all

    def _parts(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "mailgate_up", "1 while this part of the service does its work", labels=["part"]
        )
        hanging = set(self._pulse.hanging())
        for name, trouble in self._pulse.troubles().items():
            up.add_metric([name], 0 if trouble or name in hanging else 1)
        yield up
        lasts = GaugeMetricFamily(
            "mailgate_trouble_seconds", "for how long this part has been in trouble", labels=["part"]
        )
        for name, seconds in self._pulse.lasting().items():
            lasts.add_metric([name], seconds)
        yield lasts
        holder = GaugeMetricFamily(
            "mailgate_holder",
            "1 while this instance serves the mailbox, 0 while another does",
            labels=["desk"],
        )
        for desk, holds in dict(self._pulse.holder_of).items():
            holder.add_metric([desk], int(holds))
        yield holder

    def _stored(self) -> Iterator[Metric]:
        with self._store.reading() as look:
            waiting, known = outbox.counts(look), mails.counts(look)
            standings = submission.standings(look)
            oldest, returns = troubles.oldest_waiting(look), canaries.last_returns(look)
        rows = GaugeMetricFamily("mailgate_outbox", "outgoing mails by state", labels=["desk", "state"])
        for (desk, state), count in waiting.items():
            rows.add_metric([desk, state], count)
        yield rows
        yield from _kept_back(standings)
        came = GaugeMetricFamily("mailgate_mails", "incoming mails by state", labels=["desk", "state"])
        for (desk, state), count in known.items():
            came.add_metric([desk, state], count)
        yield came
        yield from _moments(oldest, returns)


def _moments(oldest: Mapping[str, datetime], returns: Mapping[str, datetime]) -> Iterator[Metric]:
    now = datetime.now(UTC)
    waits = GaugeMetricFamily(
        "mailgate_outbox_oldest_seconds", "age of the oldest mail that has not left", labels=["desk"]
    )
    for desk, at in oldest.items():
        waits.add_metric([desk], max((now - at).total_seconds(), 0))
    yield waits
    back = GaugeMetricFamily(
        "mailgate_canary_last_return_timestamp", "Unix time of the last canary's return", labels=["desk"]
    )
    for desk, at in returns.items():
        back.add_metric([desk], at.timestamp())
    yield back


def _kept_back(standings: Mapping[str, submission.Standing]) -> Iterator[Metric]:
    paused = GaugeMetricFamily(
        "mailgate_outbox_paused", "1 while the mail server wants no more mail of a desk", labels=["desk"]
    )
    held = GaugeMetricFamily(
        "mailgate_outbox_held", "1 while automatic mail of a desk waits for a limit", labels=["desk"]
    )
    for desk, one in standings.items():
        paused.add_metric([desk], 0 if one.paused_until is None else 1)
        held.add_metric([desk], 0 if one.held_since is None else 1)
    yield paused
    yield held


def serve(address: tuple[str, int], store: Store, pulse: Pulse) -> ThreadingHTTPServer:
    """Answer in threads of their own until the process ends. Raises SettingsError when the port is taken."""
    registry = CollectorRegistry()
    registry.register(State(store, pulse))

    class Page(BaseHTTPRequestHandler):
        timeout = SILENT_SECONDS

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(200, generate_latest(registry), "text/plain; version=0.0.4; charset=utf-8")
                case "/healthz":
                    healthy, text = health(pulse)
                    self._answer(200 if healthy else 503, text.encode(), "text/plain; charset=utf-8")
                case _:
                    self._answer(404, b"/metrics or /healthz\n", "text/plain; charset=utf-8")

        def _answer(self, code: int, body: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Who asks for figures is nobody's news."""

    try:
        server = ThreadingHTTPServer(address, Page)
    except OSError as error:
        raise SettingsError(
            f'service.metrics: cannot listen on {address[0]}:{address[1]}: {error}; another port, or ""'
        ) from error
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def health(pulse: Pulse) -> tuple[bool, str]:
    """Whether all is well, and one line for each part."""
    hanging = set(pulse.hanging())
    troubles = pulse.troubles()
    elsewhere = {f"mailbox {desk}" for desk, holds in dict(pulse.holder_of).items() if not holds}
    lines = [
        f"{name}: {'hanging' if name in hanging else trouble or 'ok'}"
        + (" (held by another instance)" if name in elsewhere else "")
        for name, trouble in troubles.items()
    ]
    return not hanging and not any(troubles.values()), "\n".join(lines) + "\n"
