"""`krmfn plan -o html` is one page that holds the plan and loads nothing; tests/judges/system opens it in a browser."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn.kubevirt.verdicts import VERDICTS
from tests.plan_states import declarations, write_states
from tests.support import FIXTURES, ROOT, TOKEN, krmfn

AGAINST = ("plan", "after", "--against", "out")
HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> &amp; \u2028\u2029"


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_states(tmp_path_factory.mktemp("states"))


def page(*arguments: str, cwd: Path = ROOT, code: int = 0) -> str:
    done = krmfn(*arguments, "-o", "html", cwd=cwd)
    assert done.returncode == code, done.stderr
    return done.stdout


def part(text: str, element: str) -> str:
    """What stands in the only element with this start tag."""
    [found] = re.findall(rf"<{element}>(.*?)</", text, re.DOTALL)
    return str(found)


def data(text: str) -> Any:
    return json.loads(part(text, 'script type="application/json" id="data"'))


def test_it_holds_what_json_prints(states: Path) -> None:
    held = data(page(*AGAINST, cwd=states))
    assert held["changes"] == json.loads(krmfn(*AGAINST, "-o", "json", cwd=states).stdout)
    assert held["plan"] == json.loads(krmfn("plan", "after", "-o", "json", cwd=states).stdout)
    assert set(held["changes"]["summary"]) == set(VERDICTS)
    [warning] = [one for one in held["results"] if one["tags"]["code"] == "quota"]
    assert (warning["severity"], warning["file"]["path"]) == ("warning", "after/all.yaml")
    assert warning["line"]


def test_without_an_earlier_state_there_are_no_changes(states: Path) -> None:
    held = data(page("plan", "after", cwd=states))
    assert held["changes"] is None
    assert held["plan"] == json.loads(krmfn("plan", "after", "-o", "json", cwd=states).stdout)


def test_a_machine_that_goes_says_what_it_was(states: Path) -> None:
    changes = data(page(*AGAINST, cwd=states))["changes"]["changes"]
    [gone] = [one for one in changes if one["name"] == "shop-old-1"]
    keys = ("verdict", "virtualCluster", "provider", "nodeType", "pool")
    assert [gone[key] for key in keys] == ["delete", "shop", "west", "small", "old"]


def test_it_loads_nothing(states: Path) -> None:
    text = page(*AGAINST, cwd=states)
    own = text.replace(part(text, 'script type="application/json" id="data"'), "")
    forbidden = r"http|src=|href=|@import|url\(|\bfetch\b|XMLHttp|import\(|innerHTML|insertAdjacent|document\.write|\beval\b"
    assert re.findall(forbidden, own.replace("http-equiv", "")) == []


def test_the_policy_names_the_page_s_own_script_and_style_alone(states: Path) -> None:
    text = page(*AGAINST, cwd=states)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    hashes = []
    for element in ('script type="module"', "style"):
        digest = hashlib.sha256(part(text, element).encode()).digest()
        hashes.append(f"'sha256-{base64.b64encode(digest).decode()}'")
    script, style = hashes
    assert policy == (
        f"default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'"
    )


def test_texts_of_the_plan_are_no_markup(tmp_path: Path) -> None:
    write_states(tmp_path)
    items = declarations(after=True)
    west = items[2]["spec"]["kubeVirt"]
    west["virtualMachineTemplate"]["metadata"] = {"annotations": {"note": HOSTILE}}
    (tmp_path / "after" / "all.yaml").write_text(yaml.safe_dump_all(items))
    text = page(*AGAINST, cwd=tmp_path)
    assert text.count("<script") == text.count("</script") == 2
    assert not re.search("<!--|<img|&amp;|[\u2028\u2029]", text)
    values = {one["new"] for change in data(text)["changes"]["changes"] for one in change["fields"] if "annotations" in one["path"]}  # fmt: skip
    assert len(values) == 1
    assert values.pop().startswith("</script><script>alert(1)</script><!-- <img src=x ")


def test_it_has_no_token(states: Path) -> None:
    for text in (page(*AGAINST, cwd=states), page("plan", str(FIXTURES / "pool"))):
        assert TOKEN not in text
        assert base64.b64encode(TOKEN.encode()).decode() not in text
        assert "bootcmd:" not in text


def test_a_token_in_the_name_of_a_field_is_masked(tmp_path: Path) -> None:
    write_states(tmp_path)
    items = declarations(after=True)
    template = items[2]["spec"]["kubeVirt"]["virtualMachineTemplate"]
    template["metadata"] = {"annotations": {TOKEN: TOKEN}}
    (tmp_path / "after" / "all.yaml").write_text(yaml.safe_dump_all(items))
    assert TOKEN not in page(*AGAINST, cwd=tmp_path)
    done = krmfn(*AGAINST, "-o", "json", cwd=tmp_path)
    assert TOKEN not in done.stdout
    assert "metadata.annotations[******]" in done.stdout


def test_the_same_input_gives_the_same_bytes(states: Path) -> None:
    assert page(*AGAINST, cwd=states) == page(*AGAINST, cwd=states)


def test_a_check_that_fails_still_prints_the_page(states: Path) -> None:
    text = page(*AGAINST, "--max-deletions", "1", cwd=states, code=4)
    failed = data(text)["results"][0]
    assert failed["message"] == "2 machines would be deleted; --max-deletions allows 1"
    assert failed["severity"] == "error"


def test_what_is_refused_has_no_page(tmp_path: Path) -> None:
    items = declarations(after=True)
    items[2]["spec"]["kubeVirt"]["nodeTypes"][0]["maxCapacity"] = -1
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(items))
    assert page("plan", ".", cwd=tmp_path, code=1) == ""
