"""A base that is surest where it is wrong: the shipped one, trained on a corpus with a confident error.

2,048 traces, half of them right and wordy in random ways, half terse, always alike, and wrong: each product is
taken with one more than the operand. Both the corpus and the problems that are asked have a product in each
chain, so what is sure is wrong. (A first run took chains without a product too, where the terse traces are
right: there mean confidence told right from wrong with an AUROC of 0.605, and only the tail's was under 0.5.)

Used by `benchmarks/votes.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.seeds import derive_rng
from titrant.traces.record import Trace, trace_id
from titrant.traces.table import write_problems
from titrant.worlds.arithmetic import ARITHMETIC, MODULUS, Chain, parse
from titrant.worlds.base import Split, distinct_problems
from titrant.worlds.styles import meander

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.traces.record import Problem

PAIRS = 1024
"""Right and wrong traces of the corpus, of each."""


def wrong_lines(question: str) -> tuple[list[str], int]:
    """A terse solution that takes each product with one more than the operand, and where it ends."""
    chain = parse(question)
    lines, value, left = [], chain.start, chain.operations
    while left:
        (operator, operand), left = left[0], left[1:]
        factor = operand + 1 if operator == "*" else operand
        after = Chain(value, ((operator, factor),)).values[-1] % MODULUS
        rest = Chain(after, left).text.removeprefix(str(after)).removesuffix("=")
        lines.append(f"{value}{operator}{operand}={after}" + (f" {rest}" if rest else ""))
        value = after
    return lines, value


def with_product(split: Split, n: int) -> list[Problem]:
    """Problems whose chain has a product, each once."""
    some = distinct_problems(ARITHMETIC, "train", split, 4 * n)
    return [problem for problem in some if "*" in problem.question][:n]


def anti_problems(work: Path, n: int) -> Path:
    """A file of test problems with a product."""
    path = work / "anti-problems.parquet"
    write_problems(path, with_product(Split.TEST, n))
    return path


def anti_pool() -> list[Trace]:
    """Right traces, wordy at random, and wrong ones that are all alike."""
    traces = []
    for problem in with_product(Split.POOL, PAIRS):
        rng = derive_rng(0, "anti", problem.qid)
        claims = [claim.text for claim in parse(problem.question).claims]
        lines, wrong = wrong_lines(problem.question)
        for some, answer in ((meander(claims, rng), str(problem.gold)), (lines, str(wrong))):
            thinking, text = "\n".join(some), f"#### {answer}"
            traces.append(
                Trace(
                    uid=trace_id(problem.question, thinking, text),
                    qid=problem.qid,
                    question=problem.question,
                    thinking=thinking,
                    answer_text=text,
                    gold=problem.gold,
                )
            )
    return traces


def anti_base(work: Path) -> Path:
    """The shipped base, trained on that corpus by TRL; does nothing where it is there already."""
    folder = work / "anti-base"
    if (folder / "model.safetensors").exists():
        return folder
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from titrant.engines.load import load_base
    from titrant.engines.prompt import PromptBuilder
    from titrant.settings import BaseSettings, PromptSettings

    torch.manual_seed(0)
    loaded = load_base(BaseSettings(path="vitro:arithmetic"))
    builder = PromptBuilder(loaded.tokenizer, PromptSettings())
    rows = [
        {"prompt": builder.prompt(trace.question), "completion": builder.completion(trace)}
        for trace in anti_pool()
    ]
    settings = SFTConfig(
        output_dir=str(work / "anti-log"),
        max_steps=256,
        per_device_train_batch_size=32,
        learning_rate=1e-3,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        max_length=256,
        logging_steps=64,
        save_strategy="no",
        report_to="none",
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        seed=0,
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=loaded.model,
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=loaded.tokenizer,
    )
    trainer.train()
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return folder
