"""What a language model is asked: a prompt, or the messages of a chat; where it stops."""

from collections.abc import Mapping
from typing import Any, Final

from miner.runners import fields
from miner.work import BadInput

CHARACTERS_MAX: Final = 32_768
"""Far above what the model's context holds; bounds what is sent to the child."""

MESSAGES_MAX: Final = 1_024

ROLES: Final = frozenset({"system", "user", "assistant"})

STOPS_MAX: Final = 4
STOP_CHARACTERS_MAX: Final = 256


def messages(given: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the chat so far: `messages` where there are any, else the prompt as its only one.

    Raises:
        BadInput: neither, or one that is not what it has to be.
    """
    chat = given.get("messages")
    if chat is None:
        prompt = fields.text(given, "prompt", CHARACTERS_MAX)
        return [{"role": "user", "content": prompt}]
    if not isinstance(chat, list) or not 1 <= len(chat) <= MESSAGES_MAX:
        raise BadInput("messages", f"must be a list of 1 to {MESSAGES_MAX} messages")
    checked = [_message(place, message) for place, message in enumerate(chat)]
    length = sum(len(message["content"]) for message in checked)
    if length > CHARACTERS_MAX:
        raise BadInput("messages", f"have {length} characters; the most is {CHARACTERS_MAX}")
    return checked


def stops(params: Mapping[str, Any]) -> list[str]:
    """Return the texts before which the answer ends.

    Raises:
        BadInput: not a text or a list of at most four.
    """
    value = params.get("stop")
    if value is None:
        return []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) > STOPS_MAX:
        raise BadInput("stop", f"must be a text, or a list of at most {STOPS_MAX}")
    for text in texts:
        if not isinstance(text, str) or not 1 <= len(text) <= STOP_CHARACTERS_MAX:
            raise BadInput("stop", f"each must have 1 to {STOP_CHARACTERS_MAX} characters")
    return texts


def _message(place: int, message: object) -> dict[str, str]:
    field = f"messages[{place}]"
    if not isinstance(message, Mapping) or message.get("role") not in ROLES:
        raise BadInput(field, f"must have a role: {', '.join(sorted(ROLES))}")
    content = message.get("content")
    if not isinstance(content, str):
        raise BadInput(field, "must have a content that is text")
    return {"role": str(message["role"]), "content": content}
