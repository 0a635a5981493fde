"""The contract suite over all registered audits, each with the evidence that it plants itself."""

import importlib
from dataclasses import replace

import pytest

from titrant.audits.base import audits
from titrant.errors import ConfigError
from titrant.testing.audits import AUDIT_CHECKS, Subject


def subject(name: str) -> Subject:
    planted = importlib.import_module(f"titrant.audits.{name}.planted")
    return Subject(audits.get(name), planted.planted, planted.clean)


@pytest.mark.parametrize("check", AUDIT_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("name", audits.names())
def test_audit(name, check):
    check.run(subject(name))


def test_an_audit_that_never_fires_is_told():
    known = subject("corruption")
    quiet = known._replace(planted=known.clean)
    check = next(c for c in AUDIT_CHECKS if c.name == "planted faults are found")
    with pytest.raises(AssertionError, match="alarms in 0 of"):
        check.run(quiet)


def test_an_audit_that_cries_wolf_is_told():
    known = subject("corruption")
    check = next(c for c in AUDIT_CHECKS if c.name == "clean evidence is quiet")
    with pytest.raises(AssertionError, match="clean cases"):
        check.run(known._replace(clean=known.planted))


def test_an_audit_that_does_not_say_what_it_needs_is_told():
    known = subject("corruption")

    def silent(evidence, settings):
        result = known.audit.judge(evidence, settings)
        findings = tuple(one.model_copy(update={"decides": ""}) for one in result.findings)
        return result.model_copy(update={"findings": findings})

    check = next(c for c in AUDIT_CHECKS if c.name == "nothing is said without evidence")
    with pytest.raises(AssertionError, match="does not say what it needs"):
        check.run(known._replace(audit=replace(known.audit, judge=silent)))


def test_an_unknown_audit_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean corruption"):
        audits.get("corruptoin")
