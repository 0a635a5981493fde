"""Simulated titrations with a known response: the ground truth that the estimator is judged by.

A scenario fixes the true response μ(dose), the pool, the benchmark's size and the noise. Reading an
arm draws the arm's shift (variance φ·μ(1−μ)) and then one outcome per problem: with the scenario's
paired share an outcome is decided by the problem's own difficulty, which all arms share, and else by a
fresh draw. So the expected accuracy is exactly μ, and arms are correlated as real ones are.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import yaml

from titrant.dose.curve.shapes import RAW
from titrant.dose.readings import BASE, ArmKey, ReadingTable
from titrant.seeds import derive_rng

if TYPE_CHECKING:
    from titrant.arms import ArmSpec

SHAPES = ("flat", "hill", "exponential", "power", "step", "rise_fall")


class Scenario(NamedTuple):
    """One simulated titration before any arm is run."""

    shape: str
    number: int
    top: int
    n_problems: int
    paired_share: float
    dispersion: float
    base: float
    gain: float
    """At the top dose; 0 for the flat shape."""
    scale: float
    rest: tuple[float, ...]
    root: int

    def unit(self, doses: np.ndarray) -> np.ndarray:
        """H at the doses, 0 at dose 0 and 1 at the top."""
        if self.shape == "flat":
            return np.zeros(len(doses))
        x = np.append(np.asarray(doses, dtype=float), float(self.top))
        raw = RAW[self.shape](x[None, :], np.array([[self.scale]]), np.array([[self.rest]]))[0]
        return np.where(x[:-1] > 0, raw[:-1] / raw[-1], 0.0)

    def response(self, doses: np.ndarray) -> np.ndarray:
        """Expected accuracy at the doses."""
        return self.base + self.gain * self.unit(doses)

    def end_point(self, level: float) -> float:
        """True end point in traces (real-valued, 1 at least); NaN for the flat shape."""
        if self.shape == "flat":
            return float("nan")
        doses = np.exp(np.linspace(0.0, np.log(self.top), 20_000))
        return float(doses[np.argmax(self.unit(doses) >= level - 1e-12)])


def load_settings() -> dict[str, Any]:
    """The committed settings of the calibration."""
    return yaml.safe_load(
        files("titrant.dose.calibration").joinpath("calibration.yaml").read_text()
    )


def draw_scenario(settings: dict[str, Any], shape: str, index: int) -> Scenario:
    """Scenario number `index` of a shape; a pure function of the settings."""
    root = settings["root_seed"]
    rng = derive_rng(root, "scenario", shape, index)

    def uniform(name: str) -> float:
        low, high = settings[name]
        return float(rng.uniform(low, high))

    def log_uniform(bounds: list[float]) -> float:
        low, high = np.log(bounds).tolist()
        return float(np.exp(rng.uniform(low, high)))

    top = 2 ** round(np.log2(log_uniform(settings["pool_size"])))
    n_problems = round(log_uniform(settings["problems"]))
    base, gain = uniform("base_accuracy"), uniform("gain")
    scale, rest = _shape_parameters(settings["shapes"][shape], shape, top, rng)
    scenario = Scenario(
        shape=shape,
        number=index,
        top=top,
        n_problems=n_problems,
        paired_share=uniform("paired_share"),
        dispersion=log_uniform(settings["seed_dispersion"]),
        base=base,
        gain=0.0 if shape == "flat" else gain,
        scale=scale,
        rest=rest,
        root=root,
    )
    return _within_bounds(scenario)


def _within_bounds(scenario: Scenario) -> Scenario:
    peak = float(scenario.unit(np.exp(np.linspace(0, np.log(scenario.top), 400))).max())
    if peak <= 0:
        return scenario
    return scenario._replace(gain=min(scenario.gain, (0.97 - scenario.base) / peak))


def _shape_parameters(
    ranges: dict[str, list[float]], shape: str, top: int, rng: np.random.Generator
) -> tuple[float, tuple[float, ...]]:
    def log_share(name: str) -> float:
        low, high = np.log(ranges[name]).tolist()
        return top * float(np.exp(rng.uniform(low, high)))

    def flat_draw(name: str) -> float:
        low, high = ranges[name]
        return float(rng.uniform(low, high))

    if shape == "flat":
        return 1.0, ()
    if shape == "hill":
        return log_share("half_dose_share"), (flat_draw("slope"),)
    if shape == "power":
        return log_share("scale_share"), (flat_draw("exponent"),)
    if shape == "rise_fall":
        scale = log_share("half_dose_share")
        return scale, (flat_draw("fall"), log_share("fall_share"))
    return log_share("scale_share" if shape == "exponential" else "at_share"), ()


class Bench:
    """A scenario's benchmark: reads simulated arms, each a pure function of its spec."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        rng = self._rng("problems")
        self._difficulty = rng.random(scenario.n_problems)
        self._is_paired = rng.random(scenario.n_problems) < scenario.paired_share
        self._qids = tuple(f"{i:05d}" for i in range(scenario.n_problems))

    def _rng(self, *labels: str | int) -> np.random.Generator:
        s = self.scenario
        return derive_rng(s.root, "bench", s.shape, s.number, *labels)

    def read(self, arm: ArmSpec) -> np.ndarray:
        """Outcome per problem, 0 or 1; [problems]."""
        s = self.scenario
        rng = self._rng(arm.strategy, arm.dose, arm.seed)
        mu = float(s.response(np.array([arm.dose]))[0])
        shift = rng.normal() * np.sqrt(s.dispersion * mu * (1 - mu)) if arm.dose else 0.0
        level = np.where(self._is_paired, self._difficulty, rng.random(s.n_problems))
        return (level < np.clip(mu + shift, 0.0, 1.0)).astype(float)

    def table(self, arms: list[ArmSpec], known: dict[str, np.ndarray]) -> ReadingTable:
        """Readings of the arms; `known` keeps those already read."""
        for arm in arms:
            if arm.arm_id not in known:
                known[arm.arm_id] = self.read(arm)
        score = np.stack([known[arm.arm_id] for arm in arms])
        nothing = np.zeros(len(arms))
        keys = tuple(
            ArmKey(BASE if arm.dose == 0 else arm.strategy, arm.dose, arm.seed) for arm in arms
        )
        return ReadingTable(keys, self._qids, score, nothing, nothing)
