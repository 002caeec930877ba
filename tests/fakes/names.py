"""Names that lead where a test says, one answer after the other, instead of where the world's servers say."""

import socket

from aiohttp.abc import AbstractResolver


class Names(AbstractResolver):
    """Answers each look-up of a name with its next list of addresses; the last one stays."""

    def __init__(self, **answers):
        """Take a list of answers for each name, written with `_` for `.`; each answer is a list of addresses."""
        self._answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked = []

    async def resolve(self, host, port=0, family=socket.AF_INET):  # noqa: ARG002 - part of the interface
        """Return the next answer; a name without any does not exist."""
        self.asked.append(host)
        answers = self._answers.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in addresses
        ]

    async def close(self):
        """Nothing is open."""
