"""Pages to HTML: Jinja templates that escape everything and refuse unknown names."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from explorer_web import formats
from explorer_web.assets import Assets
from explorer_web.health import ChainHealth, stale_ms
from explorer_web.markup import SOURCES, Values
from explorer_web.outcomes import (
    JOB_KINDS,
    TITLES,
    TRANSACTION_KINDS,
    object_text,
    outcome_sentence,
)
from explorer_web.page import Page
from explorer_web.steps import STEP_TONES, STEP_WORDS
from explorer_web.words import action_sentence
from ledger.actions import UnitType

HTMX_CONFIG: Final = (
    '{"allowEval":false,"includeIndicatorStyles":false,"allowScriptTags":false,'
    '"selfRequestsOnly":true,"historyCacheSize":0,"attributesToSettle":["class"]}'
)
"""Nothing that a strict content security policy would refuse, and nothing kept in storage."""

SITE_PAGES: Final = (
    ("Overview", "/"),
    ("Blocks", "/blocks"),
    ("Transactions", "/transactions"),
    ("Jobs", "/jobs"),
    ("Receipts", "/receipts"),
    ("Miners", "/miners"),
    ("Market", "/market"),
    ("Validators", "/validators"),
    ("Stats", "/stats"),
    ("Verify", "/verify"),
)
"""What stands at the top of every page."""


class Renderer:
    """Writes pages as HTML; may be used from several threads."""

    def __init__(self, assets: Assets) -> None:
        """Prepare the templates.

        Args:
            assets: static files that pages refer to.
        """
        self._environment = Environment(
            loader=PackageLoader("explorer_web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            {
                "address": formats.address,
                "bytes_size": formats.size,
                "duration": formats.duration,
                "grouped": formats.grouped,
                "iso_time": formats.iso_time,
                "money": formats.money,
                "relative": formats.relative,
                "share": formats.share,
                "short": formats.short,
                "units": formats.units,
                "units_of": lambda micro, kind: formats.units_of(micro, UnitType(kind)),
                "utc_hour": lambda ms: formats.utc_time(ms).removesuffix(":00 UTC"),
                "utc_time": formats.utc_time,
            }
        )
        self._environment.globals.update(
            {
                "action_sentence": action_sentence,
                "asset": assets.url,
                "htmx_config": HTMX_CONFIG,
                "icon_url": assets.data_url("icon.svg"),
                "job_kinds": JOB_KINDS,
                "transaction_kinds": TRANSACTION_KINDS,
                "object_text": object_text,
                "outcome_sentence": outcome_sentence,
                "outcome_titles": TITLES,
                "site_pages": SITE_PAGES,
                "sources": SOURCES,
                "stale_ms": stale_ms,
                "step_tones": STEP_TONES,
                "step_words": STEP_WORDS,
            }
        )

    def page(self, page: Page, health: ChainHealth, query: str = "") -> bytes:
        """Return a whole page.

        Args:
            page: what it shows.
            health: for its status strip, and its clock for relative times.
            query: what its search box holds.
        """
        template = self._environment.get_template(page.template)
        return template.render(self._names(page, health, query)).encode()

    def document(self, template: str, **names: object) -> bytes:
        """Return a document that is no page of the site and knows nothing of the chain."""
        names = {"v": Values(0), **names}
        return self._environment.get_template(template).render(names).encode()

    def block(self, page: Page, health: ChainHealth, name: str) -> bytes:
        """Return one block of a page's template, for replacing that part of an open page."""
        template = self._environment.get_template(page.template)
        context = template.new_context(self._names(page, health, ""))
        return "".join(template.blocks[name](context)).encode()

    def macro(self, template: str, name: str, *values: object, now_ms: int) -> str:
        """Return what a macro writes, for a part of open pages.

        Args:
            template: its template.
            name: the macro.
            values: its arguments.
            now_ms: the node's clock, for relative times.
        """
        module = self._environment.get_template(template).make_module(
            {"now_ms": now_ms, "v": Values(now_ms)}
        )
        return str(getattr(module, name)(*values))

    def _names(self, page: Page, health: ChainHealth, query: str) -> dict[str, object]:
        return {
            **page.content,
            "page": page,
            "health": health,
            "now_ms": health.standing.now_ms,
            "v": Values(health.standing.now_ms),
            "search_text": query,
        }
