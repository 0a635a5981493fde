"""Which signal tells right from wrong solutions of the same question? GSM8K, four real models.

    python benchmarks/gsm8k_signals.py --data ../shared/data/gsm8k [--work runs/gsm8k-signals]

`model_solutions.jsonl` holds four solutions of each of the 1,319 test problems, each marked right or
wrong. A small model (4 layers × 192, byte-level BPE of 2,048 tokens) is trained by TRL on the text of
the GSM8K training set, nothing else, and scores all 5,276 solutions in one pass. Printed per signal:
the share of pairs (right, wrong) *of the same question* that the signal orders as it prefers (AUROC
within question, every question that has such a pair counted by its pairs), with a bootstrap over
questions; and across questions, which mostly measures difficulty. The last line of a solution, `A: 26`
in the file, is written `#### 26`, as the model has learned it.

Information gain is told the gold answer, and a right solution ends with it: that gain tells right from
wrong says that it can read, not that it could grade. The other signals see only question and solution.

Training takes about half an hour on one idle core and is kept under --work; so are the scores.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np

from titrant.run.scores.job import ScoreJob, score
from titrant.run.scores.wanted import wanted_of
from titrant.seeds import derive_rng
from titrant.select.scores import open_scores
from titrant.settings import BaseSettings, DecodeSettings, PromptSettings, SignalSettings
from titrant.signals.base import signals
from titrant.traces.record import Trace, Verdict, question_id, trace_id
from titrant.traces.steps import cut_steps
from titrant.traces.table import write_traces

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
END = "<|endoftext|>"
VOCABULARY, WIDTH, LAYERS, CONTEXT = 2048, 192, 4, 1024
EPOCHS = 2
DRAWS = 2000
CONFIDENCE = 0.9


def train_texts(data: Path) -> list[str]:
    """Question and solution of every training problem."""
    rows = map(json.loads, (data / "train.jsonl").read_text().splitlines())
    return [f"{row['question']}\n{row['answer']}" for row in rows]


def make_tokenizer(texts: list[str]) -> Any:  # noqa: ANN401 - transformers' own class
    """A byte-level BPE tokenizer whose digits stand alone."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, bos_token=END, clean_up_tokenization_spaces=False
    )


def train(data: Path, folder: Path) -> None:
    """Train the model from nothing on the training text; does nothing where it is there already."""
    if (folder / "model.safetensors").exists():
        return
    import torch
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer

    texts = train_texts(data)
    tokenizer = make_tokenizer(texts)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    print(f"{model.num_parameters():,} parameters, {len(texts):,} texts", flush=True)
    settings = SFTConfig(
        output_dir=str(folder / "log"),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=16,
        learning_rate=2e-3,
        lr_scheduler_type="cosine",
        warmup_steps=50,
        weight_decay=0.1,
        max_length=512,
        logging_steps=50,
        save_strategy="steps",
        save_steps=100,
        train_sampling_strategy="group_by_length",
        save_total_limit=1,
        report_to="none",
        bf16=False,
        use_cpu=not torch.cuda.is_available(),
        seed=0,
        disable_tqdm=True,
    )
    rows = Dataset.from_dict({"text": [f"{END}{text}" for text in texts]})
    trainer = SFTTrainer(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)
    known = sorted((folder / "log").glob("checkpoint-*"))
    trainer.train(resume_from_checkpoint=str(known[-1]) if known else None)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def solutions(data: Path) -> list[Trace]:
    """Every solution as a trace; the same text of two models counts once."""
    found: dict[str, Trace] = {}
    for row in map(json.loads, (data / "model_solutions.jsonl").read_text().splitlines()):
        gold = row["ground_truth"].rpartition("A: ")[2].strip()
        for name in MODELS:
            text = row[name]["solution"].replace("\nA: ", "\n#### ")
            trace = Trace(
                uid=trace_id(row["question"], None, text),
                qid=question_id(row["question"]),
                question=row["question"],
                answer_text=text,
                gold=gold,
                verdict=Verdict.CORRECT if row[name]["is_correct"] else Verdict.WRONG,
                source=name,
                steps=cut_steps(text),
            )
            found[trace.uid] = trace
    return list(found.values())


def score_all(traces: list[Trace], work: Path) -> Path:
    """Every signal of one pass; returns the folder of scores."""
    folder, pool = work / "scores", work / "pool.parquet"
    write_traces(pool, traces)
    job = ScoreJob(
        folder=folder,
        pool=pool,
        base=BaseSettings(path=str(work / "model")),
        prompt=PromptSettings(),
        decode=DecodeSettings(),
        signals=SignalSettings(answer="\n#### {gold}"),
        wanted=wanted_of(signals.names()),
    )
    score(job, lambda what, n, total: print(f"\r{what} {n}/{total}", end="", flush=True))
    print()
    return folder


def wins_of_questions(values: np.ndarray, right: np.ndarray, question: np.ndarray) -> np.ndarray:
    """Pairs won (ties count half) and pairs, per question with both kinds; float [questions, 2]."""
    rows = []
    for q in np.unique(question):
        mine = (question == q) & np.isfinite(values)
        good, bad = values[mine & right], values[mine & ~right]
        if len(good) and len(bad):
            gaps = good[:, None] - bad[None, :]
            rows.append(((gaps > 0).sum() + 0.5 * (gaps == 0).sum(), gaps.size))
    return np.array(rows, dtype=float).reshape(-1, 2)


def auroc_within(wins: np.ndarray, name: str) -> tuple[float, float, float]:
    """Share of pairs won, with a bootstrap interval over questions."""
    rng = derive_rng(0, "gsm8k-signals", name)
    counts = rng.multinomial(len(wins), np.full(len(wins), 1 / len(wins)), size=DRAWS)
    drawn = (counts @ wins[:, 0]) / (counts @ wins[:, 1])
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(wins[:, 0].sum() / wins[:, 1].sum()), float(low), float(high)


def auroc_across(values: np.ndarray, right: np.ndarray) -> float:
    """The usual AUROC over all traces."""
    from scipy.stats import rankdata

    known = np.isfinite(values)
    ranks, good = rankdata(values[known]), right[known]
    n, m = good.sum(), (~good).sum()
    return float((ranks[good].sum() - n * (n + 1) / 2) / (n * m))


def table(traces: list[Trace], folder: Path) -> list[dict[str, object]]:
    """One row per signal."""
    traces = sorted(traces, key=lambda trace: trace.uid)
    uids = [trace.uid for trace in traces]
    right = np.array([trace.verdict == Verdict.CORRECT for trace in traces])
    question = np.unique([trace.qid for trace in traces], return_inverse=True)[1]
    scores = open_scores(folder)
    rows = []
    for name in signals.names():
        sign = 1.0 if signals.get(name).prefer == "high" else -1.0
        values = sign * scores.signal(name, uids)
        wins = wins_of_questions(values, right, question)
        auroc, low, high = auroc_within(wins, name)
        rows.append(
            {
                "signal": name,
                "prefers": signals.get(name).prefer,
                "within": auroc,
                "low": low,
                "high": high,
                "across": auroc_across(values, right),
                "questions": len(wins),
                "pairs": int(wins[:, 1].sum()),
                "missing": int((~np.isfinite(values)).sum()),
            }
        )
    return sorted(rows, key=lambda row: -float(str(row["within"])))


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/gsm8k"))
    parser.add_argument("--work", type=Path, default=Path("runs/gsm8k-signals"))
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    train(options.data, options.work / "model")
    if options.train_only:
        return
    traces = solutions(options.data)
    rows = table(traces, score_all(traces, options.work))
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    n_right = sum(trace.verdict == Verdict.CORRECT for trace in traces)
    print(f"{len(traces):,} solutions, {n_right:,} right; 90 % bootstrap over questions")
    for row in rows:
        print(
            f"{row['signal']:20} {row['prefers']:4} within {row['within']:.3f} "
            f"({row['low']:.3f}–{row['high']:.3f})  across {row['across']:.3f}  "
            f"{row['questions']:,} questions, {row['pairs']:,} pairs, {row['missing']:,} missing"
        )


if __name__ == "__main__":
    main()
