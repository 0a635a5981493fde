"""False positives are measured at the bar too, where a module has such evidence."""

import detectors


def test_a_finding_misses_its_bar_by_clean_or_by_level_evidence():
    assert detectors.is_met(90, [0, None], 100)
    assert detectors.is_met(90, [0, 5], 100)
    assert not detectors.is_met(90, [0, 20], 100)  # quiet far from the bar, not at it
    assert not detectors.is_met(90, [20, None], 100)
    assert not detectors.is_met(70, [0, 0], 100)


def test_level_is_about_the_first_finding_alone():
    level = detectors.outcomes("budget", "level", 2, 40)
    assert detectors.at_bar(level, "gain at matched tokens") is not None
    assert detectors.at_bar(level, "tokens per answer") is None
    assert detectors.at_bar(None, "gain at matched tokens") is None


def test_an_audit_without_such_evidence_has_none():
    assert detectors.outcomes("contamination", "level", 1, 40) is None


def test_both_columns_are_printed(capsys):
    detectors.rows("budget", 2, 40)
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    level = {row[1]: row[4] for row in rows}
    assert level["gain at matched tokens"] != "—"
    assert level["tokens per answer"] == "—"
