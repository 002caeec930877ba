"""Reads what strace recorded: the system calls of all threads, in the order in which they began and ended."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_LINE = re.compile(r"(?P<thread>\d+) +[\d.]+ (?P<rest>.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)", re.DOTALL)
_BEGUN = re.compile(r"(?P<name>\w+)\((?P<rest>.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_RESULT = ") = "
_DESCRIPTOR = re.compile(r"\d+<(?P<target>.*?)>(?:[,)]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call."""

    thread: int
    name: str
    arguments: str
    """As strace writes them; strings are quoted and escaped as in C."""
    began: int
    """Places in the one order in which strace saw all calls of all threads begin and end."""
    ended: int | None = None
    """None for one that the end of the process, or of the record, cut off."""
    result: str = ""

    @property
    def target(self) -> str:
        """What its first argument, a descriptor, stands for: a path, or a socket such as `TCP:[a:1->b:2]`."""
        found = _DESCRIPTOR.match(self.arguments)
        return found["target"] if found else ""

    @property
    def succeeded(self) -> bool:
        """True when it came back without an error."""
        return self.ended is not None and bool(self.result) and not self.result.startswith(("-1", "?"))


def calls(lines: Iterable[str]) -> list[Call]:
    """Return the calls in the order in which they began. Lines that tell of no call are passed over.

    A call during which another thread did something is recorded in two parts, which are joined again.
    """
    found: list[Call] = []
    open_calls: dict[int, int] = {}
    for place, line in enumerate(lines):
        match = _LINE.match(line.rstrip("\n"))
        if match is None:
            continue
        thread, rest = int(match["thread"]), match["rest"]
        if resumed := _RESUMED.match(rest):
            index = open_calls.pop(thread, None)
            if index is not None and found[index].name == resumed["name"]:
                arguments, result = _parts(found[index].arguments + resumed["rest"])
                found[index] = replace(found[index], arguments=arguments, result=result, ended=place)
        elif begun := _BEGUN.match(rest):
            call = Call(thread=thread, name=begun["name"], arguments=begun["rest"], began=place)
            if call.arguments.endswith(_UNFINISHED):
                open_calls[thread] = len(found)
                call = replace(call, arguments=call.arguments.removesuffix(_UNFINISHED))
            elif _RESULT in call.arguments:
                arguments, result = _parts(call.arguments)
                call = replace(call, arguments=arguments, result=result, ended=place)
            found.append(call)
    return found


def _parts(text: str) -> tuple[str, str]:
    """Return arguments and result; the arguments may hold any text, the result never looks like an end of them."""
    arguments, _, result = text.rpartition(_RESULT)
    return arguments, result.strip()
