"""What open pages are told while the chain goes on: one text for all of them."""

from explorer_web.live.hub import LISTENERS_MAX, LiveHub
from explorer_web.live.news import News, NewsDesk

__all__ = ["LISTENERS_MAX", "LiveHub", "News", "NewsDesk"]
