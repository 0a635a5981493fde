"""The arithmetic world: chains mod 100, splits by hash, an exact verifier and a step validator."""

import json
import os
from collections import Counter
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titrant.errors import ConfigError, DataError
from titrant.traces.record import Verdict
from titrant.worlds.arithmetic import (
    ARITHMETIC,
    OPERANDS,
    OPERATORS,
    PRESETS,
    SHARES,
    Chain,
    Claim,
    apply,
    count_chains,
    parse,
    split_of,
)
from titrant.worlds.base import Split

GOLDEN = Path(__file__).with_name("arithmetic.json")

operations = st.tuples(st.sampled_from(OPERATORS), st.integers(2, 9))
chains = st.builds(
    lambda start, ops: Chain(start, tuple(ops)),
    st.integers(0, 99),
    st.lists(operations, min_size=2, max_size=7),
)


def invalid(question: str, lines: list[str]) -> list[tuple[int, str]]:
    checks = ARITHMETIC.validate(question, "\n".join(lines))
    return [(check.number, check.kind) for check in checks if not check.is_valid]


def test_a_chain_is_read_from_left_to_right():
    # 47+3 = 50; 50·5 = 250 → 50; 50−2 = 48
    assert parse("47+3*5-2=").values == [47, 50, 50, 48]
    assert ARITHMETIC.oracle("47+3*5-2=") == "47+3=50 *5-2\n50*5=50 -2\n50-2=48"


@pytest.mark.parametrize(
    ("value", "operator", "operand", "result"),
    [(99, "+", 9, 8), (3, "-", 5, 98), (37, "*", 8, 96), (0, "*", 9, 0), (25, "*", 4, 0)],
)
def test_every_result_is_taken_mod_100(value, operator, operand, result):
    assert apply(value, operator, operand) == result


@settings(max_examples=40)
@given(chains)
def test_a_question_parses_back_to_its_chain(chain):
    assert parse(chain.text) == chain
    assert parse(f" {chain.text}\n") == chain


@pytest.mark.parametrize("text", ["", "47=", "100+3=", "47+1=", "47+3", "47/3=", "x+3=", "4+3=7"])
def test_other_text_is_no_question(text):
    with pytest.raises(
        DataError, match="not a question of the arithmetic world\n  expected: numbers"
    ):
        parse(text)


def test_all_57600_two_operation_chains_fall_into_one_split_each():
    pairs = list(product(OPERATORS, OPERANDS))
    splits = Counter(
        split_of(Chain(start, both)) for start in range(100) for both in product(pairs, pairs)
    )
    assert splits.total() == 57_600 == 100 * 24**2
    for split, (low, high) in SHARES.items():
        share = high - low
        sigma = (share * (1 - share) / 57_600) ** 0.5  # 0.0019 at a share of 0.7
        assert abs(splits[split] / 57_600 - share) < 4 * sigma


def test_the_shares_of_the_splits_leave_no_gap():
    edges = sorted(SHARES.values())
    assert edges[0][0] == 0.0
    assert edges[-1][1] == 1.0
    assert [high for _, high in edges[:-1]] == [low for low, _ in edges[1:]]


@pytest.mark.parametrize("preset", PRESETS)
def test_instances_lie_in_their_split_and_in_the_preset(preset):
    low, high = PRESETS[preset]
    lengths = Counter()
    for split in Split:
        for index in range(60):
            problem = ARITHMETIC.problem(preset, split, index)
            chain = parse(problem.question)
            assert split_of(chain) == split
            assert problem.gold == str(chain.values[-1])
            assert problem.meta == {"operations": len(chain.operations)}
            assert problem.domain == f"{len(chain.operations)} operations"
            lengths[len(chain.operations)] += 1
    assert set(lengths) == set(range(low, high + 1))


def test_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown preset 'hrd'\n  do: did you mean hard"):
        ARITHMETIC.problem("hrd", Split.TEST, 0)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("48", Verdict.CORRECT),
        ("#### 48", Verdict.CORRECT),
        (" #### 48\n", Verdict.CORRECT),
        ("148", Verdict.WRONG),
        ("47", Verdict.WRONG),
        ("#### 84", Verdict.WRONG),
        ("-48", Verdict.UNREADABLE),
        ("48.", Verdict.UNREADABLE),
        ("#### 48 #### 48", Verdict.UNREADABLE),
        ("48\n48", Verdict.UNREADABLE),
        ("The answer is 48", Verdict.UNREADABLE),
        ("####48", Verdict.UNREADABLE),
        ("", Verdict.UNREADABLE),
    ],
)
def test_the_verifier_reads_one_number_and_nothing_else(text, verdict):
    assert ARITHMETIC.verify("47+3*5-2=", text) == verdict


@settings(max_examples=40)
@given(chains)
def test_the_oracle_has_a_valid_step_per_operation(chain):
    checks = ARITHMETIC.validate(chain.text, ARITHMETIC.oracle(chain.text))
    assert [(c.number, c.is_valid, c.kind) for c in checks] == [
        (i, True, "ok") for i in range(len(chain.operations))
    ]


def continued(claims: list[Claim], index: int, fault: Claim) -> list[str]:
    """The trace that goes on from a faulty claim as if it were right."""
    after = Chain(fault.after, fault.left).claims
    return [claim.text for claim in (*claims[:index], fault, *after)]


@settings(max_examples=40)
@given(chains, st.data())
def test_a_slip_is_found_where_it_is_and_charged_once(chain, data):
    claims = chain.claims
    index = data.draw(st.integers(0, len(claims) - 1))
    off = data.draw(st.integers(1, 99))
    fault = claims[index]._replace(after=(claims[index].after + off) % 100)
    assert invalid(chain.text, continued(claims, index, fault)) == [(index, "slip")]


@settings(max_examples=40)
@given(chains, st.data())
def test_a_slip_that_the_next_step_takes_back_is_charged_once(chain, data):
    claims = chain.claims
    index = data.draw(st.integers(0, len(claims) - 1))
    off = data.draw(st.integers(1, 99))
    lines = [claim.text for claim in claims]
    lines[index] = claims[index]._replace(after=(claims[index].after + off) % 100).text
    assert invalid(chain.text, lines) == [(index, "slip")]


@settings(max_examples=40)
@given(chains, st.data())
def test_another_operand_is_charged_once(chain, data):
    claims = chain.claims
    index = data.draw(st.integers(0, len(claims) - 1))
    right = claims[index]
    operand = data.draw(st.integers(2, 9).filter(lambda n: n != right.operand))
    after = apply(right.before, right.operator, operand)
    fault = right._replace(operand=operand, after=after)
    assert invalid(chain.text, continued(claims, index, fault)) == [(index, "operand")]


@settings(max_examples=40)
@given(chains, st.data())
def test_another_operator_is_charged_once(chain, data):
    claims = chain.claims
    index = data.draw(st.integers(0, len(claims) - 1))
    right = claims[index]
    operator = data.draw(st.sampled_from(OPERATORS).filter(lambda op: op != right.operator))
    fault = right._replace(operator=operator, after=apply(right.before, operator, right.operand))
    assert invalid(chain.text, continued(claims, index, fault)) == [(index, "operator")]


@settings(max_examples=40)
@given(chains, st.data())
def test_an_operation_miscopied_into_what_is_left_is_charged_once(chain, data):
    claims = chain.claims
    index = data.draw(st.integers(0, len(claims) - 2))
    left = claims[index].left
    at = data.draw(st.integers(0, len(left) - 1))
    operator, operand = left[at]
    wrong = (operator, 2 + (operand - 1) % 8)  # the next operand, 9 → 2
    fault = claims[index]._replace(left=(*left[:at], wrong, *left[at + 1 :]))
    assert invalid(chain.text, continued(claims, index, fault)) == [(index, "operand")]


@settings(max_examples=40)
@given(chains.filter(lambda chain: len(chain.operations) >= 3), st.data())
def test_a_skipped_step_is_charged_once(chain, data):
    lines = [claim.text for claim in chain.claims]
    index = data.draw(st.integers(0, len(lines) - 2))
    del lines[index]
    assert invalid(chain.text, lines) == [(index, "order")]


@settings(max_examples=40)
@given(chains.filter(lambda chain: len(chain.operations) >= 3), st.data())
def test_a_step_done_out_of_turn_is_found(chain, data):
    claims = chain.claims
    index = data.draw(st.integers(0, len(claims) - 2))
    lines = [claim.text for claim in claims]
    lines[index], lines[index + 1] = lines[index + 1], lines[index]
    assert invalid(chain.text, lines)[0] == (index, "order")


@settings(max_examples=40)
@given(chains, st.data())
def test_any_changed_digit_of_a_trace_is_a_fault(chain, data):
    thinking = ARITHMETIC.oracle(chain.text)
    at = data.draw(st.sampled_from([i for i, c in enumerate(thinking) if c.isdigit()]))
    digit = data.draw(st.sampled_from("0123456789").filter(lambda c: c != thinking[at]))
    changed = thinking[:at] + digit + thinking[at + 1 :]
    assert not all(check.is_valid for check in ARITHMETIC.validate(chain.text, changed))


def test_a_trace_of_another_question_starts_with_a_fault():
    assert invalid("47+3*5-2=", ARITHMETIC.oracle("48+3*5-2=").split("\n"))[0] == (0, "order")


def test_steps_after_the_end_are_faults():
    lines = ARITHMETIC.oracle("47+3*5-2=").split("\n")
    assert invalid("47+3*5-2=", [*lines, "48+2=50"]) == [(3, "order")]
    assert invalid("47+3*5-2=", [*lines, "48"]) == []  # states no operation


def test_remarks_are_passed_over_and_repeats_do_not_advance():
    lines = ["Let me see.", "47+3=50 *5-2", "check 47+3=50 *5-2", "so 50*5=50 -2", "50-2=48", ""]
    checks = ARITHMETIC.validate("47+3*5-2=", "\n".join(lines))
    assert [check.kind for check in checks] == ["ok"] * 4


def test_a_fault_after_a_repeated_slip_is_still_charged_once():
    lines = ["47+3=51 *5-2", "check 47+3=51 *5-2", "50*5=50 -2", "50-2=48"]
    assert invalid("47+3*5-2=", lines) == [(0, "slip")]


def best_constant(low: int, high: int) -> float:
    """Expected accuracy of the best constant answer, by following the distribution of the value."""
    at = np.full(100, 0.01)
    total = np.zeros(100)
    for n_operations in range(1, high + 1):
        following = np.zeros(100)
        for operator, operand in product(OPERATORS, OPERANDS):
            for value in range(100):
                following[apply(value, operator, operand)] += at[value] / 24
        at = following
        if n_operations >= low:
            total += at
    return float(total.max() / (high - low + 1))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_best_constant_answer_earns_the_declared_rate(preset):
    assert best_constant(*PRESETS[preset]) == pytest.approx(ARITHMETIC.guess_rate, abs=0.002)


def instance_hashes() -> dict[str, str]:
    """A hash of the first 20 instances with their oracle traces, per preset and split."""
    hashes = {}
    for preset, split in product(PRESETS, Split):
        problems = [ARITHMETIC.problem(preset, split, i) for i in range(20)]
        text = "\n".join(p.model_dump_json() + ARITHMETIC.oracle(p.question) for p in problems)
        hashes[f"{preset}/{split}"] = sha256(text.encode()).hexdigest()[:16]
    return hashes


def test_golden_instances_are_the_recorded_ones():
    found = {"version": ARITHMETIC.version, "instances": instance_hashes()}
    if os.environ.get("TITRANT_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    recorded = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert found == recorded, "a byte changed: raise the world's version, then make golden"


@settings(max_examples=20)
@given(st.integers(0, 2**40), st.sampled_from(list(PRESETS)), st.sampled_from(list(Split)))
def test_an_instance_does_not_depend_on_what_was_drawn_before(index, preset, split):
    first = ARITHMETIC.problem(preset, split, index)
    ARITHMETIC.problem("hard", Split.TEST, 3)
    assert ARITHMETIC.problem(preset, split, index) == first


def test_chains_are_counted_as_they_are_split():
    counts = {split: count_chains(2, split) for split in Split}
    assert sum(counts.values()) == 57_600  # 100·24²
    for split, (low, high) in SHARES.items():
        # a share p of 57,600: 4 standard errors are 4·√(57,600·p·(1 − p)) ≤ 440
        assert abs(counts[split] - 57_600 * (high - low)) < 440


def test_one_operation_is_counted_chain_by_chain():
    chains = [Chain(s, ((o, n),)) for s in range(100) for o in OPERATORS for n in OPERANDS]
    for split in Split:
        assert count_chains(1, split) == sum(split_of(chain) == split for chain in chains)


def test_presets_of_long_chains_are_not_counted():
    assert ARITHMETIC.count("hard", Split.TEST) is None
    with pytest.raises(ConfigError, match="unknown preset 'eazy'"):
        ARITHMETIC.count("eazy", Split.TEST)
