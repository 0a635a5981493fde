"""The page: one file, offline, escaped, the same bytes, in the promised order."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from report_answers import ANSWERS, enough

from titrant.report.html import environment, render_report, tight

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "report.html"
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Text, tags and attributes of a page; refuses tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {name: render_report(make()) for name, make in ANSWERS.items()}


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_every_answer_gives_a_well_formed_page_under_a_megabyte(pages, name):
    Page(pages[name])
    assert len(pages[name].encode()) < 1_000_000


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_page_needs_no_network_and_runs_nothing(pages, name):
    page = Page(pages[name])
    assert {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "base",
    } == set()
    for _, attributes in page.tags:
        assert not {key for key in attributes if key.startswith("on") or key == "src"}
        for key in ("href", "xlink:href"):
            assert (attributes.get(key) or "#").startswith("#")
    style = re.search(r"<style>(.*?)</style>", pages[name], re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert set(re.findall(r"https?://[^\s\"']+", pages[name])) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "default-src 'none'" in pages[name]


def test_a_script_in_any_text_is_shown_and_not_run(pages):
    page = Page(pages["hostile"])
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script" not in pages["hostile"]
    # question, thinking, answer, final, gold; pair: question, gold, before, after, arm; warning;
    # base, pool, benchmark, recipe, device in two or three places
    assert pages["hostile"].count("&lt;script&gt;") >= 16
    assert "</pre><script>" not in pages["hostile"]


def test_ids_are_unique(pages):
    for text in pages.values():
        ids = [attributes["id"] for _, attributes in Page(text).tags if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_the_sections_stand_in_the_promised_order(pages):
    headings = re.findall(r"<h2>(.*?)</h2>", pages["several"])
    assert headings == [
        "Dose and response",
        "End points",
        "Shapes",
        "Pilot of the learning rate",
        "Other benchmarks",
        "Arms",
        "Traces of the chosen subset",
        "Before and after, on the same problems",
        "Warnings",
        "Cost",
        "Provenance",
        "Words used here",
    ]
    claim, figure = pages["several"].index("<h1>"), pages["several"].index("<svg")
    assert claim < pages["several"].index('class="verdict"') < figure
    assert claim < pages["several"].index('class="tiles"') < figure


def test_the_page_opens_with_the_answer(pages):
    first = re.search(r"<h1>(.*?)</h1>", pages["enough"])[1]
    assert first == (
        "187 traces (90\u202f% interval 128–260, about 9,537 trace tokens) chosen by "
        "<code>random</code> reach 95\u202f% of the whole pool’s gain (4,096 traces): "
        "6.5\u202f%\u00a0→\u00a092.0\u202f%."
    )


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("enough", "Verdict: enough at 187. A part of the pool gives nearly all of the gain"),
        ("hurts", "Verdict: hurts. Training on this data makes the model worse than the base."),
        ("undecided", "What would decide it: 1,400 more problems, or 8 samples per problem."),
    ],
)
def test_the_verdict_is_explained(pages, name, meaning):
    assert meaning in Page(pages[name]).words


def test_every_figure_and_table_says_what_remakes_it(pages):
    parts = re.split(r"<h2>|<h3>", pages["several"])[1:-3]  # all but cost, provenance, words
    parts = [part for part in parts if not part.startswith("Warnings")]
    assert all("remake: <code>titrant " in part for part in parts)


def test_every_figure_says_its_problems_seeds_and_level(pages):
    assert "n = 500 problems · 1–3 seeds per dose · 90\u202f% intervals" in pages["enough"]


def test_the_page_is_made_for_phone_paper_and_dark(pages):
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width: 46rem"):
        assert rule in pages["enough"]
    assert pages["enough"].count("<svg") == 2  # wide and narrow


def test_both_schemes_define_every_ink(pages):
    dark = pages["enough"].partition("prefers-color-scheme: dark")[2].partition("}")[0]
    light = pages["enough"].partition(":root {")[2].partition("}")[0]
    names = {f"--{name}:" for name in ("paper", "ink", "muted", "rule", "end", "s0", "s7", "tint")}
    assert all(name in light and name in dark for name in names)


def test_sections_without_content_are_left_out(pages):
    assert re.findall(r"<h2>(.*?)</h2>", pages["missing"]) == [
        "Cost", "Provenance", "Words used here",
    ]  # fmt: skip
    assert "<svg" not in pages["missing"]


def test_an_undefined_name_in_a_template_is_an_error():
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        environment().from_string("{{ nothing }}").render()


def test_a_template_escapes_by_itself():
    assert environment().from_string("{{ text }}").render(text="<b>") == "&lt;b&gt;"


def test_units_stay_with_their_numbers():
    assert tight("a 90 % b 4 min 1 s, 17 arms") == "a 90\u202f% b 4\u202fmin 1\u202fs, 17 arms"


def test_model_text_is_not_set_like_ours(pages):
    answer = enough()
    trace = answer.traces[0].model_copy(update={"answer_text": "It's 5 % → 6"})
    assert "It&#39;s 5 % → 6" in render_report(answer.model_copy(update={"traces": (trace,)}))


def test_the_same_answer_gives_the_same_bytes_in_another_process(pages):
    code = (
        "import sys; from report_answers import several; from titrant.report.html import render_report;"
        "sys.stdout.buffer.write(render_report(several()).encode())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=HERE,
        env={"PYTHONHASHSEED": "7", "PATH": "", "HOME": str(Path.home())},
        capture_output=True,
        check=True,
    )
    assert ended.stdout == pages["several"].encode()


def test_golden_report_is_the_recorded_one(pages):
    # Without the figures, whose bytes are those of the installed matplotlib.
    text = re.sub(r"<svg.*?</svg>", "<svg></svg>", pages["several"], flags=re.DOTALL)
    if os.environ.get("TITRANT_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "TITRANT_GOLDEN=1 records it anew"
