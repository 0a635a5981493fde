"""One way in which tests make a trace: its identities follow from what it says."""

from titrant.traces.record import Trace, question_id, trace_id


def made_trace(question: str, thinking: str | None, answer_text: str, **fields) -> Trace:
    """A trace with its hashes; `fields` are those of the record."""
    return Trace(
        uid=trace_id(question, thinking, answer_text),
        qid=question_id(question),
        question=question,
        thinking=thinking,
        answer_text=answer_text,
        **fields,
    )
