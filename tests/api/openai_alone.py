"""A program that chats by the `openai` package, and prints every address that it speaks to.

Run as ``python openai_alone.py BASE_URL MODEL``. It answers nobody else: what it prints is JSON of
the answers, one whole and one streamed, and of the addresses that sockets were connected to or
names looked up.
"""

import json
import sys

ADDRESSES: list[list[object]] = []
_CONNECT = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname")


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        ADDRESSES.append(list(address) if isinstance(address, tuple) else [address])
    elif event in _CONNECT:
        ADDRESSES.append(list(arguments[:2]))


def main(base_url: str, model: str) -> None:
    """Chat, and say with whom."""
    sys.addaudithook(_note)
    import openai  # noqa: PLC0415 - what it does when it is imported counts too

    with openai.OpenAI(base_url=base_url, api_key="your-api-key") as client:
        names = [found.id for found in client.models.list()]
        whole = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hello?"}]
        )
        stream = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Again?"}], stream=True
        )
        streamed = "".join(
            choice.delta.content or "" for chunk in stream for choice in chunk.choices
        )
    answers = [whole.choices[0].message.content, streamed]
    sys.stdout.write(json.dumps({"answers": answers, "models": len(names), "addresses": ADDRESSES}))


if __name__ == "__main__":
    main(*sys.argv[1:])
