r"""Canonical forms of a question: what is left when typing, numbers or the order of operands is set aside.

| form | set aside | equal forms mean |
|---|---|---|
| `key` | case, stops, blanks, LaTeX's dollar signs and spacing, how numbers are spelled | the same question |
| `ordered` | also the order of operands that commute and the names of variables | the same expression |
| `template` | also the numbers themselves | the same question with other numbers |

**Expressions.** A question that is nothing but arithmetic (`What is 3 + 4*x?`) has no words to compare: every
such question is near every other, so n-grams and templates say nothing of it and only `key` and `ordered` count.
`ordered` is given where the usual reading (products before sums) may be taken for granted: the value that it
gives is the gold answer, or there is none to compare with and no world that says otherwise. A world reads its
questions by its own rules (`world:arithmetic` from left to right mod 100), so there operands do not commute
and its own text is its canonical form.

**Templates** have eight different words or more; shorter ones are shared by strangers.

Source: the project's methods, contamination §6.7 (sorted commutative operands, operand renaming). Left out: equal
questions in other units or notations (`50 %` and `0.5`), algebra beyond commuting.
"""

from __future__ import annotations

import ast
import operator
import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from titrant.select.clean.words import NUMBER_WORDS, fold, plain_signs

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE_WORDS = 8
LONGEST_EXPRESSION = 400
"""In characters; longer ones are compared as they are."""
LARGEST_POWER_BITS = 4096

_LATEX_SPACE = re.compile(
    r"\\[,;:! ()\[\]]|\\(?:left|right|quad|qquad|displaystyle|text|mathrm)\b|[${}&~]"
)
_LATEX_NAMES = {
    r"\times": "*",
    r"\cdot": "*",
    r"\div": "/",
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
}
_NAMED = re.compile(r"\\(?:times|cdot|div|dfrac|tfrac)(?![a-z])")
_TOKEN = re.compile(
    r"\d+(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+|[^\W\d_]+|[-+*/^=<>()%!|\\]"
)
_LEAD = re.compile(
    r"^(?:(?:please )?(?:calculate|compute|evaluate|simplify|solve|find|determine|work out|what is|what's)"
    r"|the (?:value|result|sum|answer)(?: of)?(?: is)?|:|\s)+"
)
_ENDS = " =?."
_EXPRESSION = re.compile(r"[\d.a-z+*/^()\s-]*\d[\d.a-z+*/^()\s-]*")
_LONG_NAME = re.compile(r"[a-z]{2}")
_HYPHEN = re.compile(r"(?<=[^\W\d_]{2})-(?=\s?[^\W\d_])")
_NUMBER = re.compile(r"×?\d+(?:[./]\d+)*")


_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Canonical(NamedTuple):
    """The canonical forms of one question."""

    key: str
    ordered: str | None
    """`None` where it is no expression, or its operands cannot be taken to commute."""
    template: str | None
    """`None` where it has too few words to mean anything."""
    is_expression: bool


def canonical(question: str, *, gold: str | None = None, source: str = "") -> Canonical:
    """The canonical forms of a question.

    Args:
        question: as it was asked.
        gold: its right answer, where known; decides whether the usual reading of an expression holds.
        source: where it is from; a world (`world:…`) has its own reading.

    Example:
        >>> canonical("What is 4 + 3?", gold="7").ordered == canonical("3+4=", gold="7").ordered
        True
    """
    text = _plain(question)
    expression = _expression_in(text)
    if expression is not None:
        ordered = None if source.startswith("world:") else _ordered(expression, gold)
        return Canonical(expression, ordered, None, is_expression=True)
    key = _key(text)
    template = _NUMBER.sub("#", key)
    is_telling = template != key and _has_words(template)
    return Canonical(key, None, template if is_telling else None, is_expression=False)


def _has_words(template: str) -> bool:
    tokens = set(template.split(" "))
    return len(tokens) >= TEMPLATE_WORDS and (
        len(tokens) >= 4 * TEMPLATE_WORDS
        or sum(len(token) > 1 and token.isalpha() for token in tokens) >= TEMPLATE_WORDS
    )


def _plain(question: str) -> str:
    text = plain_signs(fold(question))
    if "\\" in text or "$" in text or "{" in text:
        text = _NAMED.sub(lambda m: _LATEX_NAMES[m[0]], text)
        text = _LATEX_SPACE.sub(" ", text)
    return text


def _key(text: str) -> str:
    """Words, numbers and signs; a hyphen between words parts them."""
    if "-" in text:
        text = _HYPHEN.sub(" ", text)
    tokens = _TOKEN.findall(text)
    if "," in text:
        tokens = [token.replace(",", "") for token in tokens]
    return " ".join([NUMBER_WORDS.get(token) or token for token in tokens])


def _expression_in(text: str) -> str | None:
    """The expression that a question consists of, without blanks; `None` where it has other words."""
    inner = _LEAD.sub("", text)
    if _LONG_NAME.search(inner) or not _EXPRESSION.fullmatch(inner := inner.rstrip(_ENDS)):
        return None
    return "".join(inner.split())


def _ordered(expression: str, gold: str | None) -> str | None:
    """The expression with its operands sorted and its variables renamed."""
    if len(expression) > LONGEST_EXPRESSION:
        return None
    try:
        tree = ast.parse(expression.replace("^", "**"), mode="eval").body
        if gold is not None and not _gives(tree, gold):
            return None
        return _sorted_form(_renamed(tree))
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        # The last two: what is nested too deeply for Python's own parser.
        return None


def _gives(tree: ast.expr, gold: str) -> bool:
    """Whether the usual reading gives the gold answer; one with variables cannot be checked and holds."""
    if any(isinstance(node, ast.Name) for node in ast.walk(tree)):
        return True
    return _value(tree) == Fraction(gold.replace(",", "").strip())


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand) if isinstance(node.op, ast.USub) else _value(node.operand)
    if not isinstance(node, ast.BinOp):
        raise ValueError(ast.dump(node))
    one, other = _value(node.left), _value(node.right)
    if isinstance(node.op, ast.Pow):
        if other.denominator != 1 or abs(other) * one.numerator.bit_length() > LARGEST_POWER_BITS:
            raise ValueError("a large power")
        return one ** int(other)
    do = _OPERATIONS.get(type(node.op))
    if do is None:
        raise ValueError(ast.dump(node))
    return do(one, other)


def _renamed(tree: ast.expr) -> ast.expr:
    """Variables as v1, v2 … in the order in which they appear."""
    names: dict[str, str] = {}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    for node in sorted(found, key=lambda node: node.col_offset):
        node.id = names.setdefault(node.id, f"v{len(names) + 1}")
    return tree


def _sorted_form(node: ast.expr) -> str:
    """The same expression, however its sums and products were ordered."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant):
        return str(Fraction(str(node.value)))
    if not isinstance(node, ast.UnaryOp | ast.BinOp):
        raise ValueError(ast.dump(node))
    terms = sorted(_terms(node))
    if len(terms) > 1 or terms[0].startswith("-"):
        return f"({'+'.join(terms)})"
    return terms[0]


def _terms(node: ast.expr, sign: str = "") -> Iterator[str]:
    """What is added, with its sign."""
    turned = "" if sign else "-"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _terms(node.left, sign)
        yield from _terms(node.right, sign if isinstance(node.op, ast.Add) else turned)
    elif isinstance(node, ast.UnaryOp):
        yield from _terms(node.operand, turned if isinstance(node.op, ast.USub) else sign)
    else:
        yield sign + "*".join(sorted(_factors(node)))


def _factors(node: ast.expr, inverse: str = "") -> Iterator[str]:
    """What is multiplied; divisors begin with a slash."""
    turned = "" if inverse else "/"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from _factors(node.left, inverse)
        yield from _factors(node.right, inverse if isinstance(node.op, ast.Mult) else turned)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield f"{inverse}{_sorted_form(node.left)}^{_sorted_form(node.right)}"
    elif isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Sub):
        raise ValueError(ast.dump(node))
    else:
        yield inverse + _sorted_form(node)
