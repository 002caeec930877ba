import os
import random

import pytest
from fakes.schemathesis_run import run_schemathesis, well_used_daemon

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
"""How many requests of each kind are made; with more than the default, they are others each time."""


@pytest.mark.timeout(1800)
async def test_no_request_is_answered_otherwise_than_the_document_says(tmp_path):
    seed = 1 if EXAMPLES == 10 else random.SystemRandom().randrange(2**32)
    async with well_used_daemon(tmp_path / "state") as daemon:
        code, said = await run_schemathesis(daemon, tmp_path, seed=seed, examples=EXAMPLES)
    assert code == 0, said  # it says the seed as well
    assert "No issues found" in said
