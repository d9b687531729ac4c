"""Chat completions and models, as OpenAI's clients know them.

Its service stands on those of jobs and events, and is exported by `coordinator.services`.
"""

from coordinator.chat.model import ChatAnswer, ChatOrder, ModelView, Usage

__all__ = ["ChatAnswer", "ChatOrder", "ModelView", "Usage"]
