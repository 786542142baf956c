"""What the models are built with: the strict base, unions by shape, and how a value is written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pydantic
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    GetCoreSchemaHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from evexport_dagster.spec.document import ValuePath

TEXT: Final = "\0text"
LIST: Final = "\0list"
MAPPING: Final = "\0mapping"
"""Tags of union branches. A NUL cannot be in a key, so that a tag is never taken for one."""

FROM_YAML: Final = {"from": "yaml"}
"""The validation context of values that a file gave."""

UP: Final = ".."
"""The first step of a path that starts beside the value that is checked, not in it."""

REQUIRED: Final = "required, but missing"

_V = TypeVar("_V")
_S = TypeVar("_S", bound=Sized)


class Model(BaseModel):
    """A frozen part of a spec: unknown keys are refused, and no value is guessed from another."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong below the value that is checked; `shown` is False for secrets."""

    allowed: str
    at: ValuePath = ()
    shown: bool = True


def refuse(*wrongs: Wrong) -> PydanticCustomError:
    """The error a validator raises for one or more wrong things."""
    text = "; ".join(wrong.allowed for wrong in wrongs)
    return PydanticCustomError("wrong", "{text}", {"text": text, "wrongs": wrongs})


def no_doubles(what: str, key: Callable[[Any], object] = lambda it: it) -> AfterValidator:
    """Refuses a list in which two items have one key, each at its place in the list."""

    def check(values: tuple[_V, ...]) -> tuple[_V, ...]:
        if wrongs := doubles(values, what, key):
            raise refuse(*wrongs)
        return values

    return AfterValidator(check)


def doubles(values: Iterable[_V], what: str, key: Callable[[_V], object]) -> tuple[Wrong, ...]:
    """Each item whose key an earlier one has."""
    first: dict[object, int] = {}
    places = [first.setdefault(key(value), n) for n, value in enumerate(values)]
    return tuple(
        Wrong(f"{what} is given twice, first at [{place}]", (n,))
        for n, place in enumerate(places)
        if n != place
    )


def by_shape(allowed: str) -> Discriminator:
    """Chooses the branch of a union by the shape of the YAML: text, list or mapping."""

    def shape(value: Any) -> str | None:
        if isinstance(value, str):
            return TEXT
        if isinstance(value, list | tuple):
            return LIST
        return MAPPING if isinstance(value, dict | BaseModel) else None

    return Discriminator(
        shape, custom_error_type="shape", custom_error_message=f"expected {allowed}"
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for what was probably meant, else nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def words(allowed: str) -> WrapValidator:
    """Says what else is allowed where a word is none of those a union knows."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            known = re.findall("'([^']+)'", error.errors()[0].get("ctx", {}).get("expected", ""))
            raise refuse(Wrong(f"expected {allowed}{nearest(str(value), known)}")) from error

    return WrapValidator(check)


@dataclass(frozen=True, eq=False)
class Written:
    """How a value is written in YAML: checked as `form`, then `read`; `write` is the way back.

    A value that is of one of `types` already is taken as it is from Python, never from YAML.
    """

    form: Any
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    types: tuple[type, ...]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_wrap_validator_function(
            self._value,
            core_schema.no_info_after_validator_function(
                self.read, handler.generate_schema(self.form)
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(self.write),
        )

    def _value(
        self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        if info.context != FROM_YAML and isinstance(value, self.types):
            return value
        return handler(value)


Lax = pydantic.Field(strict=False)
"""Lets a YAML list become a tuple; what is in it stays strict."""

NonEmpty = pydantic.Field(strict=False, json_schema_extra={"minItems": 1})
"""The same for a list that `at_least_one` checks."""


def _at_least_one(values: _S) -> _S:
    # pydantic's own check counts only what is valid, and so blames a list for its items.
    if not len(values):
        raise refuse(Wrong("expected at least one", shown=False))
    return values


at_least_one = AfterValidator(_at_least_one)
