"""Answers made by hand: one per verdict, several strategies, huge numbers, everything missing.

Everything is a pure function of its arguments; the readings are a Hill curve with a small hashed
wobble, so that figures have something to show.
"""

from __future__ import annotations

from titrant.report.answer import (
    AgainstControl,
    Answer,
    ArmRow,
    BeforeAfter,
    Cost,
    Curve,
    CurvePoint,
    Estimate,
    PilotPoint,
    Provenance,
    Response,
    Subset,
    TraceSample,
)
from titrant.report.sentence import with_sentence
from titrant.seeds import derive

RECIPE = "full fine-tuning, 64 updates of 64 rows at 3e-4, matched updates"


def wobble(*labels: str | int) -> float:
    """A number in (-1, 1) that depends on its labels alone."""
    return derive(0, *labels) / 2**62 - 1


def estimate(value, low=None, high=None, *, n=500, seeds=3) -> Estimate:
    return Estimate(estimate=value, low=low, high=high, level=0.9, n=n, seeds=seeds)


def hill(dose: float, *, base: float, gain: float, half: float, slope: float = 1.3) -> float:
    return base + gain * dose**slope / (dose**slope + half**slope)


def curve(
    strategy="random",
    *,
    base=0.065,
    gain=0.858,
    half=16.0,
    top=4096,
    benchmark="arithmetic",
    bend=0.0,
    target=0.877,
    noise=0.03,
    doses=None,
):
    """Readings and band of a Hill curve; `bend` takes accuracy away towards the top."""

    def mean(dose: float) -> float:
        rise = hill(dose, base=base, gain=gain, half=half)
        return rise - bend * (dose / top) ** 0.7

    steps = sorted({round(top ** (i / 59)) for i in range(60)})
    seeds = {1: 1, 8: 1, 64: 2, 128: 2, 256: 2, 512: 1, top: 3} if doses is None else doses
    readings = [
        CurvePoint(
            dose=dose,
            seed=seed,
            n=500,
            truncated=0.01,
            unreadable=0.0,
            low=None,
            high=None,
            accuracy=min(1.0, max(0.0, mean(dose) + noise * wobble(strategy, dose, seed))),
        )
        for dose, many in seeds.items()
        if dose <= top
        for seed in range(many)
    ]
    zero = CurvePoint(dose=0, seed=0, accuracy=base, low=base - 0.02, high=base + 0.02, n=500)
    width = noise * 1.1
    band = [
        CurvePoint(
            dose=dose,
            seed=None,
            accuracy=mean(dose),
            low=max(0.0, mean(dose) - width),
            high=min(1.0, mean(dose) + width),
        )
        for dose in steps
    ]
    return Curve(
        strategy=strategy,
        benchmark=benchmark,
        readings=(zero, *readings),
        band=tuple(band),
        target=target,
    )


def response(strategy="random", ed95=None, *, tokens=9537.0, shapes=None) -> Response:
    end = estimate(187.0, 128.0, 260.0) if ed95 is None else ed95
    part = [None if end.estimate is None else end.estimate * k for k in (0.09, 0.3, 0.55, 0.93)]

    def around(value):
        return estimate(value, *((value * 0.7, value * 1.4) if value else (None, None)))

    return Response(
        strategy=strategy,
        ed95=end,
        ed_levels={"ed50": around(part[0]), "ed80": around(part[1]), "ed90": around(part[2])},
        isotonic=around(part[3]),
        shapes={
            "hill": 0.61,
            "exponential": 0.21,
            "power": 0.11,
            "step": 0.05,
            "rise_fall": 0.02,
            "flat": 0.0,
        }
        if shapes is None
        else shapes,
        disagreement=1.4,
        trace_tokens=tokens,
    )


def provenance(**changes) -> Provenance:
    plain = Provenance(
        titrant="0.1.0",
        created="2026-01-02T03:04:05Z",
        base="vitro:arithmetic-latent",
        base_fingerprint="sha256:0f3a9b",
        pool="world:arithmetic",
        pool_rows=4096,
        pool_questions=3011,
        pool_hash="sha256:77aa01",
        benchmarks={"arithmetic": 500},
        recipe=RECIPE,
        device="cpu",
        dtype="float32",
        versions={"torch": "2.13.0", "transformers": "5.23.0", "trl": "1.16.0"},
        seed=0,
    )
    return plain.model_copy(update=changes)


def arms(curves, others=()):
    return tuple(
        ArmRow(
            arm_id=f"{c.strategy}-n{p.dose:06d}-s{p.seed:02d}",
            strategy=c.strategy,
            dose=p.dose,
            seed=p.seed,
            accuracy=p.accuracy,
            truncated=0.004,
            unreadable=0.0,
            other_accuracy={name: 0.4 + 0.02 * wobble(name, p.dose, p.seed) for name in others},
            train_tokens=233_472,
            generated_tokens=31_400,
            seconds=14.2,
        )
        for c in curves
        for p in c.readings
        if p.dose > 0
    )


QUESTION = "7 + 5 - 3 * 4 + 9 ="
TRACES = (
    TraceSample(
        question=QUESTION,
        thinking="7+5=12;\n12-3=9;\n9*4=36;\n36+9=45;",
        answer_text="The answer is 45.",
        final_answer="45",
        gold="45",
        verdict="correct",
    ),
    TraceSample(
        question="8 * 9 - 6 + 2 =",
        thinking="8*9=72;\n72-6=65;\n65+2=67;",
        answer_text="The answer is 67.",
        final_answer="67",
        gold="68",
        verdict="wrong",
    ),
    TraceSample(
        question="3 + 3 * 3 =",
        thinking=None,
        answer_text="Let me see. 3+3=6 and 6*3=18.",
        final_answer="18",
        gold="18",
        verdict="correct",
    ),
)
PAIRS = (
    BeforeAfter(
        question="4 + 8 * 3 - 7 + 6 * 2 =",
        gold="70",
        before="28",
        before_verdict="wrong",
        after="4+8=12;\n12*3=36;\n36-7=29;\n29+6=35;\n35*2=70;\nThe answer is 70.",
        after_verdict="correct",
        after_arm="random-n000256-s00",
    ),
    BeforeAfter(
        question="9 - 2 * 5 + 1 =",
        gold="36",
        before="11",
        before_verdict="wrong",
        after="9-2=7;\n7*5=35;\n35+1=36;\n",
        after_verdict="truncated",
        after_arm="random-n000256-s00",
    ),
)
PILOT = (
    PilotPoint(lr=1.5e-4, accuracy=0.81, n=200, chosen=False),
    PilotPoint(lr=3e-4, accuracy=0.865, n=200, chosen=True),
    PilotPoint(lr=6e-4, accuracy=0.84, n=200, chosen=False),
)


def enough(**changes) -> Answer:
    """187 traces are enough; every other answer is a change of this one."""
    main = curve()
    plain = Answer(
        verdict="enough at N",
        sentence="",
        decides=None,
        strategy="random",
        ed95=estimate(187.0, 128.0, 260.0),
        level=0.95,
        base=estimate(0.065, 0.048, 0.084, seeds=1),
        plateau=estimate(0.920, 0.898, 0.938),
        gain=estimate(0.855, 0.829, 0.880),
        top_dose=4096,
        whole_pool=True,
        guess=estimate(0.03, 0.02, 0.042, seeds=None),
        responses=(response(),),
        curves=(main,),
        cost=Cost(
            arms=17,
            tokens=4_502_912,
            train_tokens=3_969_024,
            generated_tokens=533_888,
            seconds=241.0,
            share_of_sweep=0.2615,
        ),
        subset=Subset(path="subsets/n0187.jsonl", dose=187, strategy="random", tokens=9537),
        pilot=PILOT,
        arms=arms([main]),
        traces=TRACES,
        before_after=PAIRS,
        provenance=provenance(),
    )
    return with_sentence(plain.model_copy(update=changes))


def several() -> Answer:
    """Three strategies on three benchmarks; one never reaches the target; the pool is not all seen."""
    strategies = (("random", 16.0), ("confidence+coverage", 6.0), ("longest", 900.0))
    doses = {2: 1, 8: 1, 32: 2, 128: 2, 512: 1, 8192: 3}
    curves = [
        curve(
            name,
            half=half,
            top=8192,
            doses=doses,
            benchmark=bench,
            base=0.065 if bench == "arithmetic" else 0.41,
            gain=0.858 if bench == "arithmetic" else 0.03,
            target=0.877 if bench == "arithmetic" else None,
        )
        for bench in ("arithmetic", "longer chains", "gsm8k <b>")
        for name, half in strategies
    ]
    return enough(
        strategy="confidence+coverage",
        ed95=estimate(71.0, 40.0, 118.0),
        top_dose=8192,
        whole_pool=False,
        responses=(
            response("random"),
            response("confidence+coverage", estimate(71.0, 40.0, 118.0), tokens=3621.0),
            response("longest", estimate(None, 5120.0, None), tokens=None),
        ),
        curves=tuple(curves),
        arms=arms(curves[:3], ("longer chains", "gsm8k <b>")),
        transfer={
            "longer chains": estimate(0.22, 0.18, 0.26, n=400),
            "gsm8k <b>": estimate(-0.031, -0.05, -0.012, n=1319),
        },
        subset=Subset(
            path="subsets/n0071.jsonl", dose=71, strategy="confidence+coverage", tokens=3621
        ),
        warnings=(
            "3 rows of the pool are longer than the context and were left out.",
            "The best learning rate lies at the edge of the pilot.",
        ),
        cost=Cost(
            arms=33,
            tokens=9_912_000,
            train_tokens=8_700_000,
            generated_tokens=1_212_000,
            seconds=16_220.0,
            share_of_sweep=0.157,
        ),
        provenance=provenance(
            pool_rows=20_000,
            device="NVIDIA H100",
            dtype="bfloat16",
            benchmarks={"arithmetic": 500, "longer chains": 400, "gsm8k <b>": 1319},
        ),
    )


def controlled(*outcomes) -> Answer:
    """Several strategies, the chosen one beside controls: (outcome, ratio) by length, then source."""
    answer = several()
    against = tuple(
        AgainstControl(
            control=f"confidence+coverage~{what}",
            ratio=estimate(ratio, 0.7 * ratio, 1.3 * ratio),
            p_holm=0.012,
            outcome=outcome,
        )
        for (outcome, ratio), what in zip(outcomes, ("length", "source"), strict=False)
    )
    responses = tuple(
        item.model_copy(update={"controls": against}) if item.strategy == answer.strategy else item
        for item in answer.responses
    )
    return with_sentence(answer.model_copy(update={"responses": responses}))


def smaller() -> Answer:
    main = curve(bend=0.5, target=0.402)
    return enough(
        verdict="a smaller dose beats the pool",
        curves=(main,),
        arms=arms([main]),
        plateau=estimate(0.42, 0.39, 0.45),
        gain=estimate(0.355, 0.32, 0.39),
        ed95=estimate(12.0, 8.0, 20.0),
        responses=(response(ed95=estimate(12.0, 8.0, 20.0)),),
        subset=Subset(path="subsets/n0250.jsonl", dose=250, strategy="random", tokens=None),
    )


def rising() -> Answer:
    main = curve(half=9000.0, gain=1.0, target=0.372, base=0.12)
    return enough(
        verdict="still rising",
        curves=(main,),
        arms=arms([main]),
        base=estimate(0.12, 0.10, 0.14),
        plateau=estimate(0.385, 0.36, 0.41),
        gain=estimate(0.265, 0.24, 0.29),
        ed95=estimate(None),
        responses=(response(ed95=estimate(None, 2048.0, None)),),
        subset=None,
    )


def no_response() -> Answer:
    main = curve(gain=0.004, noise=0.012, target=None)
    return enough(
        verdict="no response",
        curves=(main,),
        arms=arms([main]),
        ed95=estimate(None),
        plateau=estimate(0.070, 0.055, 0.086),
        gain=estimate(0.005, -0.008, 0.018),
        responses=(response(ed95=estimate(None), shapes={"flat": 1.0}),),
        subset=None,
    )


def guessing() -> Answer:
    main = curve(gain=0.03, base=0.004, noise=0.008, target=None)
    return enough(
        verdict="no response (guessing)",
        curves=(main,),
        arms=arms([main]),
        ed95=estimate(None),
        base=estimate(0.004, 0.0, 0.01),
        plateau=estimate(0.033, 0.02, 0.046),
        gain=estimate(0.029, 0.016, 0.042),
        responses=(),
        subset=None,
    )


def hurts() -> Answer:
    main = curve(base=0.62, gain=-0.43, target=None)
    return enough(
        verdict="hurts",
        curves=(main,),
        arms=arms([main]),
        base=estimate(0.62, 0.59, 0.65),
        plateau=estimate(0.19, 0.16, 0.22),
        gain=estimate(-0.43, -0.47, -0.39),
        ed95=estimate(None),
        responses=(response(ed95=estimate(None)),),
        subset=None,
    )


def undecided() -> Answer:
    main = curve(gain=0.013, noise=0.03, target=0.077)
    return enough(
        verdict="undecided",
        curves=(main,),
        arms=arms([main]),
        ed95=estimate(None),
        plateau=estimate(0.078, 0.04, 0.116),
        gain=estimate(0.013, -0.015, 0.041, n=30),
        decides="1,400 more problems, or 8 samples per problem",
        responses=(),
        subset=None,
    )


def huge() -> Answer:
    """Five strategies, 20 seeds at every doubling, 1,300 arms, traces of a million characters."""
    doses = {2**i: 20 for i in range(13)}
    names = ("random", "shortest", "longest", "a_very_long_name_of_a_strategy_with_parts", "last")
    curves = [curve(name, half=8.0 * (i + 1), doses=doses) for i, name in enumerate(names)]
    long = TraceSample(
        question="Q " * 60_000,
        thinking="x" * 1_000_000,
        answer_text="y\n" * 50_000,
        final_answer="9" * 5_000,
        gold="1",
        verdict="unreadable",
    )
    pair = BeforeAfter(
        question="Q " * 60_000,
        gold="1" * 4_000,
        before="no " * 90_000,
        before_verdict="unreadable",
        after="yes " * 90_000,
        after_verdict="truncated",
        after_arm="random-n004096-s19",
    )
    return enough(
        curves=tuple(curves),
        arms=arms(curves, [f"benchmark number {i}" for i in range(12)]),
        responses=tuple(response(name, estimate(1.87e6, 1.28e6, 2.6e6)) for name in names),
        ed95=estimate(1_870_000.0, 1_280_000.0, 2_600_000.0),
        top_dose=40_960_000,
        traces=(long,) * 50,
        before_after=(pair,) * 50,
        warnings=tuple(f"warning {i} " + "w" * 400 for i in range(200)),
        transfer={f"benchmark number {i}": estimate(0.01 * i, 0.0, 0.02 * i) for i in range(12)},
        cost=Cost(
            arms=1300,
            tokens=9_876_543_210_123,
            train_tokens=9_876_000_000_000,
            generated_tokens=543_210_123,
            seconds=31_536_000.0,
            share_of_sweep=4.0,
        ),
    )


def missing() -> Answer:
    """What `titrant fit` gives at the least: no provenance, no curves, no estimates."""
    none = Estimate(estimate=None, low=None, high=None, level=0.9)
    return with_sentence(
        Answer(
            verdict="undecided",
            sentence="",
            decides=None,
            strategy="random",
            ed95=none,
            level=0.95,
            base=none,
            plateau=none,
            gain=none,
            top_dose=64,
            whole_pool=False,
            guess=None,
            responses=(),
            curves=(),
            subset=None,
            cost=Cost(
                arms=0,
                tokens=None,
                train_tokens=None,
                generated_tokens=None,
                seconds=None,
                share_of_sweep=0.0,
            ),
        )
    )


def hostile() -> Answer:
    """Every free text is an attack on the page."""
    script = "<script>alert('x')</script>"
    main = curve(strategy=f"ran$dom{script}", benchmark=f"b_1 & {script}")
    return enough(
        strategy=f"ran$dom{script}",
        curves=(main,),
        arms=arms([main]),
        responses=(response(f"ran$dom{script}"),),
        warnings=(f"watch {script}",),
        traces=(
            TraceSample(
                question=script,
                thinking=f"think {script}",
                answer_text=f'"{script}"',
                final_answer=script,
                gold=script,
                verdict="wrong",
            ),
        ),
        before_after=(
            BeforeAfter(
                question=script,
                gold=script,
                before=script,
                before_verdict="wrong",
                after=f"</pre>{script}",
                after_verdict="correct",
                after_arm=script,
            ),
        ),
        provenance=provenance(
            base=script,
            pool=script,
            recipe=script,
            device=script,
            benchmarks={f"b_1 & {script}": 500},
        ),
    )


ANSWERS = {
    "enough": enough,
    "several": several,
    "smaller": smaller,
    "rising": rising,
    "no_response": no_response,
    "guessing": guessing,
    "hurts": hurts,
    "undecided": undecided,
    "huge": huge,
    "missing": missing,
    "hostile": hostile,
}
