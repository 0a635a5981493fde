"""A server for tests: the fake engine behind the HTTP surface of an OpenAI-compatible server, on loopback.

    with FakeServer(FakeEngine(script)) as server:
        OpenAIEngine.connect("fake", ServerSettings(url=server.url), PromptSettings())

It streams byte by byte, with logprobs, and fails on demand in the ways that servers fail. Left out: keys,
several choices, whole answers with more than one token of text per chunk.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from titrant.engines.base import Request, Result
from titrant.engines.fake import STOP, FakeEngine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

MODEL = "fake"
POLL_S = 0.02
"""Seconds between two looks at whether to stop."""


@dataclass(slots=True)
class Habits:
    """What the server can do, and how it fails."""

    has_completions: bool = True
    has_chat: bool = True
    gives_logprobs: bool = True
    most_top: int = 20
    caps_top: bool = False
    """Whether a request for more is given `most_top` without a word, and not refused."""
    has_extra_entry: bool = False
    """Whether the sampled token stands beside the likeliest, as one more."""
    honours_seed: bool = True
    fail_first: list[int] = field(default_factory=list)
    """Statuses of the first requests for text; then it works."""
    poison: str | None = None
    """Prompts with this text in them get an error event in the middle of their stream."""
    drop_after: int | None = None
    """Chunks after which the first stream breaks off, once."""
    dies_after: int | None = None
    """Requests for text after which it answers no more: connections are dropped without a word."""
    pause_s: float = 0.0
    """Before each chunk."""
    context: int | None = 8192
    names_ids: bool = False
    """Whether it names tokens by ids when asked to, as vLLM does."""


class FakeServer:
    """Runs while the context lasts."""

    def __init__(self, engine: FakeEngine | None = None, habits: Habits | None = None) -> None:
        self.engine, self.habits = engine or FakeEngine(), habits or Habits()
        self.asked: list[dict[str, Any]] = []
        """Bodies of requests for text, in the order in which they came."""
        self.sent = 0
        """Chunks with text that went out."""
        self.lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """The base address."""
        assert self._server is not None  # inside the context only
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, port: int = 0) -> int:
        """Begin to listen; the port."""
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Stop listening; connections that are open are dropped with the next chunk."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    fake: FakeServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said."""

    def do_GET(self) -> None:
        """The list of models, and the version."""
        if self.path == "/version":
            self._json(200, {"version": "0"})
        elif self.path == "/v1/models":
            item: dict[str, Any] = {"id": MODEL, "object": "model", "created": 0, "owned_by": "us"}
            if self.fake.habits.context is not None:
                item["max_model_len"] = self.fake.habits.context
            self._json(200, {"object": "list", "data": [item]})
        else:
            self._json(404, {"message": "not here"})

    def do_POST(self) -> None:
        """Text, streamed or whole."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            text = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
            self._json(200, {"count": len(text.encode())})
            return
        habits, is_chat = self.fake.habits, self.path == "/v1/chat/completions"
        is_there = habits.has_chat if is_chat else habits.has_completions
        if self.path not in ("/v1/completions", "/v1/chat/completions") or not is_there:
            self._json(404, {"message": "no such endpoint"})
            return
        with self.fake.lock:
            if habits.dies_after is not None and len(self.fake.asked) >= habits.dies_after:
                self.close_connection = True
                return
            self.fake.asked.append(body)
            status = habits.fail_first.pop(0) if habits.fail_first else 200
        top = int((body.get("top_logprobs") if is_chat else body.get("logprobs")) or 0)
        if status != 200:
            self._json(status, {"message": "on demand"})
        elif top > habits.most_top and not habits.caps_top:
            self._json(400, {"message": f"at most {habits.most_top} logprobs"})
        else:
            self._answer(body, is_chat=is_chat, top=min(top, habits.most_top))

    def _answer(self, body: dict[str, Any], *, is_chat: bool, top: int) -> None:
        prompt = body["messages"][-1]["content"] if is_chat else body["prompt"]
        request = Request(
            prompt=prompt,
            max_new_tokens=int(body["max_tokens"]),
            temperature=float(body.get("temperature") or 0.0),
            seed=self._seed(body),
            stop=tuple(body.get("stop") or ()),
            top_logprobs=max(top, 1),
        )
        ((_, result),) = self.fake.engine.generate([request])
        if result.error is not None:
            self._json(400, {"message": result.error})
            return
        wants = bool(body.get("logprobs")) or body.get("logprobs") == 0
        by_id = self.fake.habits.names_ids and bool(body.get("return_tokens_as_token_ids"))
        how = _How(top, is_chat, by_id, wants)
        pieces = list(_pieces(result, how, self.fake.habits))
        usage = {
            "prompt_tokens": result.n_prompt_tokens,
            "completion_tokens": result.n_tokens,
            "total_tokens": result.n_prompt_tokens + result.n_tokens,
        }
        if body.get("stream"):
            self._stream(self._poisoned(prompt, pieces), usage, is_chat=is_chat)
        else:
            self._json(200, _record([_joined(pieces, is_chat=is_chat)], usage, is_chat=is_chat))

    def _poisoned(self, prompt: str, pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
        poison = self.fake.habits.poison
        if poison is None or poison not in prompt:
            return pieces
        return [*pieces[:1], {"error": {"message": "this prompt breaks me", "code": 400}}]

    def _seed(self, body: dict[str, Any]) -> int:
        if self.fake.habits.honours_seed:
            return int(body.get("seed") or 0)
        return time.perf_counter_ns()

    def _stream(
        self, pieces: list[dict[str, Any]], usage: dict[str, int], *, is_chat: bool
    ) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        habits = self.fake.habits
        try:
            for i, piece in enumerate(pieces):
                if habits.drop_after is not None and i >= habits.drop_after:
                    habits.drop_after = None
                    break
                time.sleep(habits.pause_s)
                is_error = "error" in piece
                self._event(piece if is_error else _record([piece], None, is_chat=is_chat))
                self.fake.sent += 1
            else:
                self._event(_record([], usage, is_chat=is_chat))
                self.wfile.write(b"data: [DONE]\n\n")
        except OSError:  # the reader went away
            pass
        self.close_connection = True

    def _event(self, record: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(record)}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, record: dict[str, Any]) -> None:
        data = json.dumps(record).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _record(
    choices: list[dict[str, Any]], usage: dict[str, int] | None, *, is_chat: bool
) -> dict[str, Any]:
    kind = "chat.completion.chunk" if is_chat else "text_completion"
    return {
        "id": "0",
        "object": kind,
        "created": 0,
        "model": MODEL,
        "choices": choices,
        "usage": usage,
    }


class _How(NamedTuple):
    """How an answer is written."""

    top: int
    is_chat: bool
    by_id: bool
    wants: bool
    """Logprobs."""


def _pieces(result: Result, how: _How, habits: Habits) -> Iterator[dict[str, Any]]:
    """One choice per token, as a chunk has it."""
    data, before = result.text.encode(), 0
    for i, token in enumerate(result.token_ids):
        ends = 0 if result.token_ends is None else int(result.token_ends[i])
        text, before = result.text[before:ends], ends
        written = b"" if token == STOP or i >= len(data) else bytes([token])
        is_last = i == len(result.token_ids) - 1
        logprobs = None
        if habits.gives_logprobs and how.wants:
            logprobs = _logprobs(result, i, written, how, habits)
        finish = result.stop_reason if is_last else None
        said = {"delta": {"content": text}} if how.is_chat else {"text": text}
        yield {"index": 0, **said, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(result: Result, i: int, written: bytes, how: _How, habits: Habits) -> dict[str, Any]:
    assert result.logprobs is not None  # the fake engine gives them
    assert result.top_ids is not None
    assert result.top_logprobs is not None
    own, top = float(result.logprobs[i]), how.top
    ids, values = result.top_ids[i, :top].tolist(), result.top_logprobs[i, :top].tolist()
    if habits.has_extra_entry and top and result.token_ids[i] not in ids:
        ids, values = [*ids, result.token_ids[i]], [*values, own]
    if how.is_chat:
        entries = [_entry(token, value) for token, value in zip(ids, values, strict=True)]
        mine = _entry(result.token_ids[i], own) | {"bytes": list(written)}
        return {"content": [mine | {"top_logprobs": entries}]}
    mark = "token_id" if how.by_id else "bytes"
    names = [f"{mark}:{token}" for token in ids]
    own_name = f"token_id:{result.token_ids[i]}"
    return {
        "tokens": [own_name if how.by_id else written.decode(errors="replace")],
        "token_logprobs": [own],
        "top_logprobs": [dict(zip(names, values, strict=True))] if top else None,
        "text_offset": [i],
    }


def _entry(token: int, logprob: float) -> dict[str, Any]:
    return {"token": f"bytes:{token}", "bytes": None, "logprob": logprob}


def _joined(pieces: list[dict[str, Any]], *, is_chat: bool) -> dict[str, Any]:
    """Chunks as one whole choice."""
    last = pieces[-1]
    some = [piece["logprobs"] for piece in pieces if piece["logprobs"] is not None]
    logprobs: dict[str, Any] | None = None
    if some:
        logprobs = {
            key: None if some[0][key] is None else [x for part in some for x in part[key]]
            for key in some[0]
        }
    if is_chat:
        text = "".join(piece["delta"]["content"] for piece in pieces)
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}}
    else:
        said = {"text": "".join(piece["text"] for piece in pieces)}
    return {"index": 0, **said, "logprobs": logprobs, "finish_reason": last["finish_reason"]}
