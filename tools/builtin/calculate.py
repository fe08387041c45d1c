"""`calculate`: exact arithmetic, without evaluating any code."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction

from pydantic import Field

from core.errors import ToolInputInvalid
from core.provenance import Trust
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec

MOST_BITS = 4096
MOST_EXPONENT = 1000
MOST_DEPTH = 100


def _divide(left: Fraction, right: Fraction) -> Fraction:
    return left / right


def _floor_divide(left: Fraction, right: Fraction) -> Fraction:
    return Fraction(left // right)


_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.FloorDiv: _floor_divide,
    ast.Mod: operator.mod,
}
_CONSTANTS = {"pi": Fraction(math.pi), "e": Fraction(math.e)}


class CalculateArguments(Arguments):
    expression: str = Field(min_length=1, max_length=1000, description="Such as '(1200 - 950) / 950 * 100'.")


class Calculate:
    spec = ToolSpec(
        name="calculate",
        description="Work out an arithmetic expression exactly: + - * / // % **, round, sqrt, sum, min, max…",
        arguments=CalculateArguments,
        privilege="query",
        effect="pure",
        output_schema={"type": "number"},
    )

    async def run(self, arguments: CalculateArguments, context: ToolContext) -> ToolResult:
        value = calculate(arguments.expression)
        return ToolResult(content=str(value), data=value, trust=Trust.DERIVED)


def calculate(expression: str) -> int | float:
    """The value, as an int where it is whole. Raises `ToolInputInvalid` for anything but arithmetic."""
    try:
        tree = ast.parse(expression.strip().replace("^", "**"), mode="eval")
        value = _value(tree.body, 0)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise ToolInputInvalid("this is not an arithmetic expression that can be worked out") from error
    except ZeroDivisionError as error:
        raise ToolInputInvalid("the expression divides by zero") from error
    if value.denominator == 1 and abs(value.numerator) < 1 << 63:
        return value.numerator
    try:
        return float(value)
    except OverflowError as error:
        raise ToolInputInvalid("the result is too large") from error


def _value(node: ast.expr, depth: int) -> Fraction:
    if depth > MOST_DEPTH:
        raise ToolInputInvalid("the expression is nested too deep")
    match node:
        case ast.Constant(value=bool()):
            raise ToolInputInvalid("only numbers can be used")
        case ast.Constant(value=int() | float() as number):
            return _bounded(Fraction(repr(number)) if isinstance(number, float) else Fraction(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, depth + 1)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, depth + 1)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left, depth + 1), _value(right, depth + 1))
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _BINARY:
            return _bounded(_BINARY[type(operation)](_value(left, depth + 1), _value(right, depth + 1)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _bounded(_call(name, _numbers(args, depth + 1)))
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case _:
            names = ", ".join(sorted(_FUNCTIONS))
            raise ToolInputInvalid(f"only numbers, + - * / // % ** and these can be used: {names}, pi, e")


def _numbers(args: list[ast.expr], depth: int) -> list[Fraction]:
    """The arguments of a call; one list or tuple stands for its members."""
    if len(args) == 1 and isinstance(args[0], ast.List | ast.Tuple):
        args = args[0].elts
    return [_value(arg, depth) for arg in args]


def _call(name: str, numbers: list[Fraction]) -> Fraction:
    least, most, function = _FUNCTIONS[name]
    if not least <= len(numbers) <= most:
        raise ToolInputInvalid(f"{name} was given {len(numbers)} numbers")
    return function(numbers)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if abs(exponent) > MOST_EXPONENT:
        raise ToolInputInvalid(f"exponents go up to {MOST_EXPONENT}")
    if exponent.denominator != 1:
        if base < 0:
            raise ToolInputInvalid("a negative number has no real root")
        return _real(math.pow(base, exponent))
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > MOST_BITS:
        raise ToolInputInvalid("the result is too large")
    return Fraction(base ** int(exponent))


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
        raise ToolInputInvalid("the numbers become too large")
    return value


def _real(value: float) -> Fraction:
    return Fraction(repr(value))


def _sum(numbers: Sequence[Fraction]) -> Fraction:
    return sum(numbers, Fraction(0))


def _mean(numbers: Sequence[Fraction]) -> Fraction:
    return _sum(numbers) / len(numbers)


def _log(numbers: Sequence[Fraction]) -> Fraction:
    return _real(math.log(*map(float, numbers)))


def _round(numbers: Sequence[Fraction]) -> Fraction:
    digits = int(numbers[1]) if len(numbers) > 1 else 0
    if abs(digits) > MOST_DEPTH:
        raise ToolInputInvalid(f"round goes up to {MOST_DEPTH} digits")
    return Fraction(round(numbers[0], digits))


def _median(numbers: Sequence[Fraction]) -> Fraction:
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _real_function(function: Callable[[float], float]) -> Callable[[Sequence[Fraction]], Fraction]:
    def of_first(numbers: Sequence[Fraction]) -> Fraction:
        return _real(function(float(numbers[0])))

    return of_first


def _whole_function(function: Callable[[Fraction], int]) -> Callable[[Sequence[Fraction]], Fraction]:
    def of_first(numbers: Sequence[Fraction]) -> Fraction:
        return Fraction(function(numbers[0]))

    return of_first


def _absolute(numbers: Sequence[Fraction]) -> Fraction:
    return abs(numbers[0])


_MANY = 1000
_FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[Fraction]], Fraction]]] = {
    "abs": (1, 1, _absolute),
    "ceil": (1, 1, _whole_function(math.ceil)),
    "exp": (1, 1, _real_function(math.exp)),
    "floor": (1, 1, _whole_function(math.floor)),
    "log": (1, 2, _log),
    "log10": (1, 1, _real_function(math.log10)),
    "max": (1, _MANY, max),
    "mean": (1, _MANY, _mean),
    "median": (1, _MANY, _median),
    "min": (1, _MANY, min),
    "round": (1, 2, _round),
    "sqrt": (1, 1, _real_function(math.sqrt)),
    "sum": (1, _MANY, _sum),
}
