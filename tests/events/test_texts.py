"""Text of jobs under way: what a miner says is kept once, in order, and within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.chat.continuing import GrowingText
from coordinator.events.texts import JOB_CHARACTERS_MAX, Passage, Texts

JOB = b"j" * 32
SOME_TEXT = st.text(max_size=30)


def whole(texts: Texts, attempt: int = 1) -> str:
    passage = texts.since(JOB, attempt, 0)
    return "" if passage is None else passage.text


@given(SOME_TEXT, st.lists(st.tuples(st.integers(0, 35), st.integers(0, 35)), max_size=20))
def test_passages_of_one_text_in_any_order_make_a_beginning_of_it(
    text: str, cuts: list[tuple[int, int]]
) -> None:
    texts = Texts()
    for offset, end in cuts:
        texts.append(JOB, Passage(1, offset, text[offset:end]))
        assert text.startswith(whole(texts))
    while (length := len(whole(texts))) < len(text):
        assert texts.append(JOB, Passage(1, length, text[length:])) == len(text)
    assert whole(texts) == text


@given(st.lists(SOME_TEXT, max_size=10), st.integers(0, 300))
def test_a_reader_that_goes_on_where_it_was_reads_everything_once(
    pieces: list[str], start: int
) -> None:
    texts, read, offset = Texts(), "", start
    for piece in pieces:
        texts.append(JOB, Passage(1, len(whole(texts)), piece))
        passage = texts.since(JOB, 1, offset)
        if passage is not None:
            assert passage.offset == offset
            read, offset = read + passage.text, passage.end
    assert read == "".join(pieces)[start:]


def test_another_attempt_begins_anew_and_the_old_one_is_gone() -> None:
    texts = Texts()
    texts.append(JOB, Passage(1, 0, "old"))
    texts.append(JOB, Passage(2, 0, "new text"))
    assert (whole(texts, 1), whole(texts, 2)) == ("", "new text")
    assert texts.characters == 8


def test_a_job_has_a_bound_and_its_miner_is_not_asked_again() -> None:
    texts = Texts()
    assert texts.append(JOB, Passage(1, 0, "x" * JOB_CHARACTERS_MAX)) == JOB_CHARACTERS_MAX
    assert texts.append(JOB, Passage(1, JOB_CHARACTERS_MAX, "more")) == JOB_CHARACTERS_MAX + 4
    assert texts.characters == JOB_CHARACTERS_MAX


@given(st.lists(st.tuples(st.integers(0, 5), SOME_TEXT), max_size=40))
def test_all_jobs_together_have_a_bound(said: list[tuple[int, str]]) -> None:
    texts, lengths = Texts(characters_max=60), [0] * 6
    for job, text in said:
        job_id = bytes([job]) * 32
        lengths[job] = max(lengths[job], texts.append(job_id, Passage(1, lengths[job], text)))
        assert texts.characters <= 60 + 30
        held = texts.since(job_id, 1, 0)
        lengths[job] = 0 if held is None else held.end


@given(SOME_TEXT, st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=12))
def test_attempts_that_say_the_same_are_streamed_once(
    text: str, attempts: list[tuple[bool, int]]
) -> None:
    growing, streamed = GrowingText(), ""
    for number, (is_same, length) in enumerate(attempts, 1):
        said = text[:length] if is_same else f"\x00{text}"[:length]
        for character in said:
            streamed += growing.add(number, character)
    rest = growing.finish(text)
    if text.startswith(streamed):
        assert rest is not None
        assert streamed + rest == text
    else:
        assert rest is None
