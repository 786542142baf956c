"""SQL tests that prove a JSON object harmless, so that DuckDB may handle it.

The grammar below is a subset of JSON that holds most real rows: compact, flat but for lists of
scalars, no duplicate spelled in ways that differ, no NUL, no lone surrogate. It is one regular
expression, which RE2 runs as an automaton at memory speed. Anything else is not wrong, only not
proved, and takes the exact path.
"""

from __future__ import annotations

from evexport_dagster.text import sql_literal

_HEX = "[0-9a-fA-F]"
_UNICODE = (
    rf"(?:[1-9a-ce-fA-CE-F]{_HEX}{{3}}|0(?:[1-9a-fA-F]{_HEX}{{2}}|0(?:[1-9a-fA-F]{_HEX}|0[1-9a-fA-F]))"
    rf"|[dD][0-7]{_HEX}{{2}}|[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}})"
)
_STRING = rf'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u{_UNICODE}))*"'
# Short: integers that 64 bits hold; decimals, and numbers with an exponent, of at most 15 digits,
# which a double holds.
_EXPONENT = "[eE][+-]?[0-9]{1,2}"
_DECIMAL = "|".join(
    [r"0\.[0-9]{1,15}"] + [rf"[1-9][0-9]{{{n - 1}}}\.[0-9]{{1,{15 - n}}}" for n in range(1, 15)]
)
_NUMBER = (
    rf"(?:[1-9][0-9]{{18}}|-?(?:0|[1-9][0-9]{{0,17}}"
    rf"|(?:0|[1-9][0-9]{{0,14}}){_EXPONENT}|(?:{_DECIMAL})(?:{_EXPONENT})?))"
)
_TOKEN_NUMBER = (
    "(?:[0-9]{19}|-?(?:[0-9]{1,18}|[0-9][0-9.]{0,15}"
    rf"|[0-9][0-9.]{{0,14}}{_EXPONENT}))"
)


def harmless(text: str) -> str:
    """SQL condition: an object of scalars and lists of scalars, without a long number; duplicate
    keys and nulls are not ruled out."""
    scalar = f"(?:{_STRING}|{_NUMBER}|true|false|null)"
    value = rf"(?:{scalar}|\[(?:{scalar}(?:,{scalar})*)?\])"
    return _matches(text, rf"\{{(?:{_STRING}:{value}(?:,{_STRING}:{value})*)?\}}")


def compact(text: str) -> str:
    """SQL condition: tokens of JSON without blanks between them, no long number, no NUL, no
    lone surrogate. Whether they are in a right order, and no key comes twice, is not tested."""
    number = rf"{_TOKEN_NUMBER}[,\]}}]"
    return _matches(text, rf"\{{(?:{_STRING}|{number}|true|false|null|[\[\]{{}}:,])*")


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {sql_literal(pattern)})"


def may_hold_null(text: str) -> str:
    """SQL condition that is true of every text with a null in it."""
    return f"contains({text}, 'null')"


def nulls_can_be_cut(text: str) -> str:
    """SQL condition on a harmless text: `without_nulls` finds its null members and nothing else.

    A null in a list stays; a string that begins with `:null` would make the closing quote before
    it look like the end of a key.
    """
    risks = ("[null", ",null", *(f'{before}":null' for before in ":,{["))
    return " AND ".join(f"NOT contains({text}, {sql_literal(risk)})" for risk in risks)


def without_nulls(text: str) -> str:
    """SQL expression: a harmless text for which `nulls_can_be_cut`, less its null members."""
    member = sql_literal(r'"(?:[^"\\]|\\.)*":null,?')
    cut = f"regexp_replace({text}, {member}, '', 'g')"
    return f"regexp_replace({cut}, ',\\}}$', '}}')"
