import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from kling_daemon.service import allow_many_open_files
print(allow_many_open_files(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "raised"), [(256, 512, 512), (1024, 18_000, 16_384), (17_000, 18_000, 17_000)]
)
def test_our_own_limit_is_raised_as_far_as_that_is_allowed_and_never_lowered(soft, hard, raised):
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if allowed != resource.RLIM_INFINITY:
        soft, hard, raised = min(soft, allowed), min(hard, allowed), min(raised, allowed)
    program = PROGRAM.format(soft=soft, hard=hard)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [str(raised), str(raised), str(hard)]
