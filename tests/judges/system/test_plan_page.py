"""The page of `krmfn plan -o html` in a browser: what it shows, and how it is used."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from krmfn.kubevirt.verdicts import VERDICTS
from tests.judges.system.browser import Browser, Keys
from tests.plan_states import declarations, write_states
from tests.support import krmfn

pytestmark = pytest.mark.system
AGAINST = ("plan", "after", "--against", "out")
HOSTILE = "</script><script>window.fooled = 1</script><img src=x onerror='window.fooled = 1'>"
NARROW = (360, 740)
# How many entries of *Changes* have no body yet.
UNFILLED = "return document.querySelectorAll('.change:not(:has(.change-body))').length"
# The ratio of contrast (WCAG) of each text to the nearest background behind it.
CONTRASTS = """
const luminance = (colour) => {
  const [red, green, blue] = colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const behind = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
};
const found = {};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
  const [one, other] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => b - a);
  const name = `${element.tagName} ${element.className} in ${element.parentElement.className}`;
  found[name] = Math.min(found[name] ?? 99, (one + 0.05) / (other + 0.05));
}
return found;
"""


def write(folder: Path, name: str, *arguments: str) -> Path:
    """Write a page there, and the JSON of the same plan beside it."""
    for form in ("html", "json"):
        done = krmfn(*arguments, "-o", form, cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / f"{name}.{form}").write_text(done.stdout)
    return folder / f"{name}.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a change with every verdict."""
    return write(write_states(tmp_path_factory.mktemp("states")), "page", *AGAINST)


@pytest.fixture(scope="module")
def declared(page: Path) -> Path:
    """The page of declarations alone."""
    return write(page.parent, "declared", "plan", "after")


@pytest.fixture(autouse=True)
def quiet(browser: Browser) -> Any:
    """No page says anything on the console, or asks the network for anything."""
    yield
    assert browser.complaints() == []
    assert browser.requests() == []


def address(page: Path, machine: str) -> str:
    return f"{page.as_uri()}#machine={machine}"


def shown_machines(browser: Browser) -> list[str]:
    return [one.text.splitlines()[-1] for one in browser.shown(".tile")]


def test_every_machine_has_the_sign_of_its_verdict(browser: Browser, page: Path) -> None:
    browser.open(page)
    changes = json.loads(page.with_suffix(".json").read_text())
    labels = [one.get_attribute("aria-label") or "" for one in browser.shown(".tile")]
    verdicts = [label.partition(": ")[2].partition(",")[0] for label in labels]
    assert {one: verdicts.count(one) for one in verdicts} == changes["summary"]
    chips = [text.splitlines() for text in browser.texts(".chip")]
    assert {name: int(count) for _, name, count in chips} == changes["summary"]
    assert len({sign for sign, _, _ in chips}) == len(VERDICTS)
    assert browser.texts("h1") == ["17 of 25 machines change"]
    assert "2 to delete, 2 to create" in browser.find("#lead").text


def test_machines_stand_under_cluster_namespace_and_pool(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.texts("#map h2") == ["kubevirt-east", "kubevirt-west"]
    assert browser.texts("#map h3") == ["edge", "machines"]
    pools = [text.splitlines() for text in browser.texts("#map h4")]
    assert ["shop / old", "2"] in pools
    assert ["lab / node claims", "1"] in pools


def test_bars_show_quotas_and_capacity(browser: Browser, page: Path) -> None:
    browser.open(page)
    quotas = browser.texts(".quotas .limit")
    assert any("requests.storage\n420Gi of 430Gi, 460Gi at the peak – exceeded" in one for one in quotas), quotas  # fmt: skip
    [small] = [one for one in browser.texts(".card") if one.startswith("small")]
    assert "6 of 9, 3 available, 8 at the peak" in small
    [width] = browser.run("return [...document.querySelectorAll('.card')].filter(card => card.textContent.startsWith('small')).map(card => card.querySelector('.used').style.width)")  # fmt: skip
    assert width.startswith("66.6")


def test_a_click_shows_the_fields_of_a_machine(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.find(".tile[aria-label='shop-cache-1: restart']").click()
    browser.wait_for("#panel h2", "shop-cache-1")
    [change] = [one for one in json.loads(page.with_suffix(".json").read_text())["changes"] if one["name"] == "shop-cache-1"]  # fmt: skip
    [field] = change["fields"]
    panel = browser.find("#panel").text
    assert panel.startswith("shop-cache-1\n×\n↻\nrestart")
    assert field["path"] in panel
    assert "old\n2\nnew\n4" in panel
    assert f"set by {field['cause']}" in panel
    assert browser.driver.current_url == address(page, "machines/shop-cache-1")


def test_a_link_to_a_machine_that_goes(browser: Browser, page: Path) -> None:
    browser.open(address(page, "machines/shop-old-0"))
    panel = browser.find("#panel").text
    assert panel.startswith("shop-old-0\n")
    assert "Why: no claim asks for it any more\nIts disks go with it: shop-old-0-root" in panel
    browser.open(address(page, "machines/nobody"))
    assert browser.find("#status").text == "This plan has no machine machines/nobody"


def test_the_keyboard_alone(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("/", "shop old")
    assert shown_machines(browser) == ["shop-old-0", "shop-old-1"]
    browser.press(Keys.TAB, Keys.TAB)
    while browser.run("return !document.activeElement.machine"):
        browser.press(Keys.TAB)
    browser.press(Keys.ARROW_RIGHT, Keys.ENTER)
    browser.wait_for("#panel h2", "shop-old-1")
    browser.press(Keys.ESCAPE)
    browser.wait_for("#panel h2", "What the colours say")
    assert browser.run("return document.activeElement.machine.name") == "shop-old-1"


@pytest.mark.parametrize(
    ("words", "machines"),
    [
        ("shop-old", ["shop-old-0", "shop-old-1"]),
        ("LAB machines/", ["lab-memory-0", "lab-memory-1", "lab-extra", "lab-sized-0"]),
        ("east.standard edge-3", ["search-edge-3"]),
        ("nothing", []),
    ],
)
def test_the_search(browser: Browser, page: Path, words: str, machines: list[str]) -> None:
    browser.open(page)
    browser.find("#search").send_keys(words)
    assert shown_machines(browser) == machines
    assert browser.find("#status").text == f"{len(machines)} of 25 machines shown"


def test_verdicts_filter_machines_and_changes(browser: Browser, page: Path) -> None:
    browser.open(page)
    everything = len(browser.shown(".change"))
    create, delete = (browser.find(f".chip[title^='{text}']") for text in ("A new", "The machine goes"))  # fmt: skip
    create.click()
    assert shown_machines(browser) == ["shop-web-3", "shop-web-4"]
    assert create.get_attribute("aria-pressed") == "true"
    delete.click()
    assert len(shown_machines(browser)) == 4
    assert [text.splitlines()[1] for text in browser.texts(".change")] == ["delete", "create"]
    create.click()
    delete.click()
    assert len(browser.shown(".change")) == everything


def test_what_changes_alike_stands_together(browser: Browser, page: Path) -> None:
    browser.open(page)
    [group] = [one for one in browser.shown(".change") if "restart" in one.text]
    assert "3 machines" in group.text
    assert not group.find_elements("css selector", ".field")
    group.find_element("css selector", "summary").click()
    browser.wait(lambda: "spec.template.spec.domain.cpu.cores" in group.text)
    group.find_element("css selector", "a").click()
    browser.wait_for("#panel h2", "shop-cache-0")
    assert not [text for text in browser.texts(".change") if "Secret" in text]


def test_declarations_alone_are_coloured_by_node_type(browser: Browser, declared: Path) -> None:
    browser.open(declared)
    plan = json.loads(declared.with_suffix(".json").read_text())
    assert browser.texts("h1") == ["23 machines"]
    assert len(shown_machines(browser)) == len(plan["claims"])
    chips = {text.splitlines()[1]: int(text.splitlines()[2]) for text in browser.texts(".chip")}
    assert chips == {
        one["fullName"]: sum(claim["nodeType"] == one["name"] for claim in plan["claims"])
        for one in plan["nodeTypes"]
    }
    assert browser.shown("#changes") == []


def test_hostile_texts_stay_texts(browser: Browser, tmp_path: Path) -> None:
    write_states(tmp_path)
    items = declarations(after=True)
    template = items[2]["spec"]["kubeVirt"]["virtualMachineTemplate"]
    template["metadata"] = {"annotations": {"note": HOSTILE}}
    (tmp_path / "after" / "all.yaml").write_text(yaml.safe_dump_all(items))
    page = write(tmp_path, "hostile", *AGAINST)
    browser.open(address(page, "machines/lab-extra"))
    assert HOSTILE in browser.find("#panel").text
    assert browser.run("return [window.fooled, document.images.length]") == [None, 0]
    browser.open(address(page, "<img src=x onerror='window.fooled=1'>"))
    assert "<img src=x" in browser.find("#status").text
    assert browser.run("return [window.fooled, document.images.length]") == [None, 0]


def test_the_policy_stops_what_the_page_does_not_have(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.fooled = 1';"
        "document.body.append(script); const image = new Image(); image.src = 'https://example.com/a.png';"
        "document.body.append(image);"
    )
    complaints = browser.complaints()
    assert any("inline script" in one for one in complaints), complaints
    assert any("example.com" in one for one in complaints), complaints
    assert browser.run("return window.fooled") is None
    browser.requests()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("machine", ["shop-cache-0", ""])
def test_texts_have_contrast(browser: Browser, page: Path, declared: Path, dark: bool, machine: str) -> None:  # fmt: skip
    for one in (page, declared):
        browser.open(address(one, f"machines/{machine}"), dark)
        browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
        browser.wait(lambda: not browser.run(UNFILLED))
        contrasts = browser.run(CONTRASTS)
        assert len(contrasts) > 20
        assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("machine", ["shop-cache-0", ""])
def test_a_telephone(browser: Browser, page: Path, machine: str) -> None:
    browser.open(address(page, f"machines/{machine}"), size=NARROW)
    assert browser.run("return document.documentElement.scrollWidth") <= NARROW[0]
    if machine:
        assert browser.run(
            "const tile = document.querySelector('.tile[aria-current]').getBoundingClientRect();"
            "return tile.bottom <= document.querySelector('#panel').getBoundingClientRect().top"
        )


def test_paper(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(
        "window.addEventListener('beforeprint', () => {"
        "window.fieldsOnPaper = document.querySelectorAll('.change[open] .field').length; })"
    )
    assert browser.printed().startswith(b"%PDF-")
    assert browser.run("return window.fieldsOnPaper") > 7
    assert not browser.shown(".change[open]")
    browser.as_printed()
    assert browser.shown(".search, #panel, .switch") == []
    assert browser.shown(".tile")


def test_two_thousand_machines(browser: Browser, tmp_path: Path) -> None:
    page = write(write_states(tmp_path, times=85), "page", *AGAINST)
    browser.open(page)
    machines, elements = browser.run("return ['.tile', '*'].map((one) => document.querySelectorAll(one).length)")  # fmt: skip
    assert machines > 2000
    # What a machine's details are is made when somebody asks.
    assert elements < 4 * machines
    assert not browser.find("#names").is_selected()
    assert browser.shown(".field") == []
