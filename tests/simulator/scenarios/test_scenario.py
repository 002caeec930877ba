import re
import shutil
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import NEW_VIDEO, KlingCaller

from kling_daemon.cli.simulate import simulate
from kling_daemon.simulator import ScenarioError, Simulator, read_scenario
from kling_daemon.simulator.scenarios.scenario_file import AccountTable, PhaseTable, ScenarioFile

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLE = DOCS / "scenario.toml"
MISTAKES = {
    "lose = 3": "lose: must be a share between 0 and 1, not 3",
    "losse = 1": "losse: unknown key; did you mean 'lose'?",
    'outage_of = "some"': "outage_of: expected one of all, reads, creates",
    "file_size = 1.5": "file_size: expected a whole number",
    "lose = 0.6\nlate = 0.6": "share the callbacks",
    "[[phases]]\nlose = 1": "phases[0].begins: is missing",
    '[[phases]]\nbegins = "1m"': "phases[0]: names no setting",
    "[[phases]]\nbegins = 5\nlose = 1": "phases[0].begins: must be a duration such as",
    '[[phases]]\nbegins = "1m"\nlosse = 1': "phases[0].losse: unknown key; did you mean 'lose'?",
    '[[phases]]\nbegins = "1m"\nevery = "1m"\nlose = 1': "phases[0]: `every` needs `lasts`",
    '[[phases]]\nbegins = "1m"\nlasts = "0s"\nlose = 1': "phases[0].lasts: must be longer than nothing",
    '[[phases]]\nbegins = "1m"\nlose = 0.6\nlate = 0.6': "phases[0]: lose, duplicate",
    '[[phases]]\nbegins = "1m"\nseed = 6': "phases[0].seed: unknown key",
    '[[accounts]]\nname = "a"': "accounts[0]: an account needs",
    '[[accounts]]\nname = "a"\napi_key = "simulator"': "two have the same api_key",
    '[[accounts]]\nname = "main"\napi_key = "1"\n[[accounts]]\nname = "main"\napi_key = "2"': "has the same name",
    '[[accounts]]\nname = "a"\napi_key = "k"\nwebhook_secrets = ["geheim!"]': "accounts[0]: webhook secret",
    '[[accounts]]\nname = "a"\naccess_key = "k"': "accounts[0]: access_key and secret_key: both or none",
    '[accounts]\nname = "a"': "accounts: is a list of tables: begin each with [[accounts]]",
    '[phases]\nbegins = "1m"': "phases: is a list of tables: begin each with [[phases]]",
    'outage_answer = "html5"': "did you mean 'html'?",
    "lose = ": "is not TOML",
}


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "scenario.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(("text", "named"), MISTAKES.items())
def test_a_mistake_is_named_where_it_stands(written, text, named):
    with pytest.raises(ScenarioError) as raised:
        read_scenario(written(text))
    assert named in str(raised.value)
    assert "geheim" not in str(raised.value)


def test_the_command_ends_with_78_and_all_mistakes_at_once(written):
    path = written('sede = 1\nlose = 3\n[[phases]]\nbegins = "1m"\nlosse = 1\n[[accounts]]\napi_keys = "geheim"\n')
    result = CliRunner().invoke(simulate, ["--scenario", str(path)])
    assert result.exit_code == 78
    for named in ("5 mistakes", "sede", "lose", "phases[0].losse", "accounts[0].api_keys", "accounts[0].name"):
        assert named in result.output
    assert "geheim" not in result.output


def test_wrong_accounts_are_told_along_with_misspelt_keys(written):
    text = 'sede = 1\n[[accounts]]\nname = "a"\n[[accounts]]\nname = "b"\napi_key = "k"\nwebhook_secrets = ["x!"]\n'
    with pytest.raises(ScenarioError) as raised:
        read_scenario(written(text))
    assert [problem.path for problem in raised.value.problems] == ["accounts[0]", "accounts[1]", "sede"]


def test_contradictions_are_told_all_at_once_and_each_once(written):
    text = "lose = 0.6\nlate = 0.6\n"
    text += '[[phases]]\nbegins = "1m"\nreorder = 0.9\n[[phases]]\nbegins = "1m"\nfail_input = 0.6\nfail_other = 0.6\n'
    text += '[[accounts]]\nname = "main"\napi_key = "k"\n' * 2
    with pytest.raises(ScenarioError) as raised:
        read_scenario(written(text))
    paths = [problem.path for problem in raised.value.problems]
    assert paths == [
        "lose, duplicate, reorder and late share the callbacks among them",
        "phases[1]",
        "accounts[1].name",
    ]


def test_what_the_file_says_holds_and_what_is_given_holds_over_it(written):
    scenario = read_scenario(
        written('seed = 5\nlose = 0.5\nlate_by = "9s"\n[[phases]]\nbegins = "1m"\nlose = 1.0\nfail = 2\n')
    )
    settings = scenario.settings(lose=0.25)
    assert (settings.seed, settings.lose, str(settings.late_by)) == (5, 0.25, "9s")
    (phase,) = scenario.phases_under(["lose"])
    assert (phase.begins, phase.changes) == (timedelta(minutes=1), {"fail": 2})


async def outcome_of(path):
    scenario = read_scenario(path)
    simulator = Simulator(scenario.settings(), phases=scenario.phases)
    simulator.change(submitted="1ms", processing="1ms-20ms", late_by="1ms-5ms", video_slots=0)
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        for number in range(40):
            await kling.create(NEW_VIDEO, prompt=str(number), options={"callback_url": sink.url})
        await simulator.idle()
    stats = simulator.stats()
    chosen = {name: stats[name] for name in ("states", "callbacks", "forgeries", "billed")}
    return chosen, [(task["id"], task["state"], task["message"]) for task in simulator.tasks()]


async def test_the_shipped_example_makes_the_same_decisions_each_time(tmp_path):
    copy = shutil.copy(EXAMPLE, tmp_path / "again.toml")
    first = await outcome_of(EXAMPLE)
    assert first == await outcome_of(copy)
    assert min(first[0]["callbacks"][fate] for fate in ("lost", "duplicated", "late", "forged")) > 0
    other = tmp_path / "other.toml"
    other.write_text(EXAMPLE.read_text().replace("seed = 20261122", "seed = 1"))
    assert first != await outcome_of(other)


def test_the_shipped_example_has_phases_and_accounts():
    scenario = read_scenario(EXAMPLE)
    assert [account.name for account in scenario.settings().all_accounts()] == ["main", "colleague"]
    assert [phase.changes.get("outage") for phase in scenario.phases] == [True, True, None]
    assert scenario.settings().secrets


def test_every_key_is_documented_and_the_example_is_quoted_whole():
    text = (DOCS / "simulator.md").read_text()
    for model in (ScenarioFile, PhaseTable, AccountTable):
        for name in model.model_fields:
            spellings = (f"`{name}`", f"`[[{name}]]`", f"`--{name.replace('_', '-')}`")
            assert any(spelling in text for spelling in spellings), name
    *_settings_of_the_daemon, quoted = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    assert quoted == EXAMPLE.read_text()
    assert tomllib.loads(quoted)


def test_the_documented_mistakes_are_what_is_told(written):
    text = (DOCS / "simulator.md").read_text()
    documented = re.search(r"Error: 3 mistakes in the scenario \(wrong.toml\):\n(.*?)```", text, flags=re.DOTALL)[1]
    path = written('sede = 1\nlose = 3\n[[phases]]\nbegins = "1m"\nlosse = 1\n')
    assert documented in CliRunner().invoke(simulate, ["--scenario", str(path)]).output


def test_phases_may_not_be_contradicted_by_options(written):
    path = written('[[phases]]\nbegins = "1m"\nlose = 0.6\n')
    result = CliRunner().invoke(simulate, ["--scenario", str(path), "--late", "0.6"])
    assert (result.exit_code, "together at most 1" in result.output) == (2, True)
