"""The site in a browser: its pages, their diagrams, and the playground, which runs krmfn in the page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.judges.system.browser import Browser, Keys
from tests.judges.system.site_server import Site, serving
from tests.judges.system.test_plan_page import CONTRASTS, NARROW
from tests.support import krmfn

pytestmark = pytest.mark.system
# On a busy machine, Python is there after a quarter of a minute.
LOADING = 180
# Select a text in the editor of a file, to type something else in its place.
SELECT = """
const [name, text] = arguments;
[...document.querySelectorAll("#pg [role=tab]")].find((tab) => tab.textContent === name).click();
const area = document.querySelector(`#pg textarea[aria-label="${name}"]`);
const start = area.value.indexOf(text);
area.focus();
area.setSelectionRange(start, start + text.length);
return start;
"""
ASK = "fetch(ADDRESS).then(() => postMessage('reached'), () => postMessage('refused'))"
# What a worker from a blob, as the playground's is, reaches.
REACH = """
const [program, done] = arguments;
const worker = new Worker(URL.createObjectURL(new Blob([program], {type: "text/javascript"})), {type: "module"});
worker.onmessage = ({data}) => done(data);
"""


def asked_elsewhere(browser: Browser, site: Site) -> list[str]:
    return [one for one in browser.requests() if not one.startswith(site.address)]


def open_playground(browser: Browser, site: Site, **look: Any) -> None:
    browser.open(f"{site.address}playground/", **look)
    browser.wait(lambda: browser.shown("#pg .pg-machines summary"), "no machines", LOADING)


@pytest.fixture
def playground(browser: Browser, site: Site) -> Iterator[Browser]:
    """The playground with its example; it is loaded once."""
    if browser.driver.current_url != f"{site.address}playground/":
        open_playground(browser, site)
    browser.find("#pg .pg-reset").click()
    browser.find("#pg-machines-tab").click()
    settle(browser)
    yield browser
    assert browser.complaints() == []
    assert asked_elsewhere(browser, site) == []


def settle(browser: Browser) -> None:
    """Wait until krmfn has said what it says to the last edit."""
    busy = "const pg = document.querySelector('#pg'); return pg.ariaBusy === 'true' || pg.dataset.edited === 'true'"
    browser.wait(lambda: not browser.run(busy), "krmfn does not answer")


def write(browser: Browser, file: str, old: str, new: str) -> None:
    """Type a text in the place of another."""
    assert browser.run(SELECT, file, old) >= 0
    browser.press(new)
    settle(browser)


def machines(browser: Browser) -> list[str]:
    found = [one.text for one in browser.shown("#pg .pg-machines summary")]
    return sorted(one.removeprefix("VirtualMachine ") for one in found if one.startswith("Virtual"))


def plans(browser: Browser) -> list[str]:
    browser.find("#pg-plan-tab").click()
    return browser.texts("#pg .pg-plan pre")


def nodes(folder: Path, *changes: tuple[str, str]) -> Path:
    """The example in a folder, rendered, and then with changes of the pool."""
    assert krmfn("init", "nodes", cwd=folder).returncode == 0
    (folder / "before.yaml").write_text(krmfn("render", "nodes", cwd=folder).stdout)
    file = folder / "nodes" / "tenant-1.yaml"
    for old, new in changes:
        file.write_text(file.read_text().replace(old, new))
    return folder / "nodes"


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def test_every_page_is_whole(browser: Browser, site: Site) -> None:
    """Nothing is missing, nothing fails, and nothing comes from another host."""
    assert len(site.pages) > 25
    for page in site.pages:
        browser.open(page)
        assert browser.complaints() == [], page
        assert asked_elsewhere(browser, site) == [], page


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("page", ["", "changes/", "machines/", "architecture/"])
def test_diagrams_are_drawn(browser: Browser, site: Site, page: str, dark: bool) -> None:
    """Material draws each into a closed shadow root, which only the browser itself sees into."""
    browser.open(site.address + page, dark)

    def drawn() -> bool:
        options = {"depth": -1, "pierce": True}
        tree = str(browser.driver.execute_cdp_cmd("DOM.getDocument", options))
        return tree.count("'aria-roledescription'") == len(browser.shown("div.mermaid")) > 0

    browser.wait(drawn, "no diagram")
    assert browser.shown("pre.mermaid") == []
    assert browser.find("div.mermaid").size["height"] > 100
    assert browser.complaints() == []
    assert asked_elsewhere(browser, site) == []


def test_only_pages_with_diagrams_load_mermaid(site: Site) -> None:
    loading = [file for file in site.folder.rglob("*.html") if "mermaid.js" in file.read_text()]
    assert {file.parent.name for file in loading} == {
        "krmfn",
        "changes",
        "machines",
        "architecture",
    }


def test_the_playground_says_what_krmfn_says(playground: Browser, tmp_path: Path) -> None:
    assert machines(playground) == ["machines/tenant-1-workers-0", "machines/tenant-1-workers-1"]
    [declared] = plans(playground)
    folder = nodes(tmp_path)
    assert lines(declared) == lines(krmfn("plan", ".", cwd=folder).stdout)


def test_a_mistake_is_read_beside_its_line(playground: Browser, tmp_path: Path) -> None:
    write(playground, "tenant-1.yaml", "value: small", "value: smal")
    [message] = playground.texts("#pg .pg-problems button")
    done = krmfn("plan", ".", cwd=nodes(tmp_path, ("value: small", "value: smal")))
    assert message == done.stderr.strip().replace("error: ", "error ", 1)
    assert "1 error" in playground.find("#pg .pg-status").text
    place = re.search(r"tenant-1\.yaml:(\d+):(\d+): ", message)
    assert place
    assert playground.texts("#pg .pg-gutter .is-error") == [place[1]]
    playground.find("#pg .pg-problems button").click()
    before = playground.run(
        "const area = document.activeElement; return area.value.slice(0, area.selectionStart)"
    )
    assert [before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1] == [int(one) for one in place.groups()]  # fmt: skip
    write(playground, "tenant-1.yaml", "value: smal", "value: small")
    assert playground.texts("#pg .pg-problems button") == []


def test_a_pool_grows(playground: Browser, tmp_path: Path) -> None:
    write(playground, "tenant-1.yaml", "quantity: 2", "quantity: 3")
    assert machines(playground)[2:] == ["machines/tenant-1-workers-2 new"]
    assert "1 to create" in playground.find("#pg .pg-status").text
    merge, declared = plans(playground)
    folder = nodes(tmp_path, ("quantity: 2", "quantity: 3"))
    assert lines(merge) == lines(krmfn("plan", ".", "--against", "../before.yaml", cwd=folder).stdout)  # fmt: skip
    assert lines(declared) == lines(krmfn("plan", ".", cwd=folder).stdout)
    playground.find("#pg-map-tab").click()
    playground.driver.switch_to.frame(playground.find("#pg iframe"))
    try:
        playground.wait(lambda: playground.texts("h1") == ["1 of 3 machines changes"])
        assert len(playground.shown(".tile")) == 3
    finally:
        playground.driver.switch_to.default_content()


def test_a_pool_shrinks_and_comes_back(playground: Browser) -> None:
    write(playground, "tenant-1.yaml", "quantity: 2", "quantity: 1")
    assert machines(playground) == ["machines/tenant-1-workers-0", "machines/tenant-1-workers-1 gone"]  # fmt: skip
    playground.find("#pg .pg-reset").click()
    settle(playground)
    assert machines(playground) == ["machines/tenant-1-workers-0", "machines/tenant-1-workers-1"]


def test_what_is_no_yaml_is_a_message(playground: Browser) -> None:
    write(playground, "tenant-1.yaml", "kind: ConfigMap", "kind: [")
    [message] = playground.texts("#pg .pg-problems button")
    assert message.startswith("error tenant-1.yaml:")
    assert "is not YAML" in message


def test_hostile_texts_stay_texts(playground: Browser) -> None:
    hostile = "<img src=x onerror=window.fooled=1>"
    write(playground, "tenant-1.yaml", "value: small", f"value: '{hostile}'")
    assert hostile in playground.find("#pg .pg-problems").text
    assert playground.run("return [window.fooled, document.querySelector('#pg img')]") == [None, None]  # fmt: skip


def test_the_keyboard_alone(playground: Browser) -> None:
    playground.run("document.querySelector('#pg [role=tab]').focus()")
    playground.press(Keys.ARROW_RIGHT)
    assert playground.run("return document.activeElement.textContent") == "provider.yaml"
    assert [one.get_attribute("aria-label") for one in playground.shown("#pg textarea")] == ["provider.yaml"]  # fmt: skip
    write(playground, "tenant-1.yaml", "value: small", f"value: small{Keys.ENTER}# kept")
    text = playground.run("return document.activeElement.value")
    assert "            value: small\n            # kept\n" in text
    playground.press(*[Keys.CONTROL, "z", Keys.CONTROL])
    settle(playground)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_have_contrast(browser: Browser, site: Site, dark: bool) -> None:
    open_playground(browser, site, dark=dark)
    write(browser, "tenant-1.yaml", "quantity: 2", "quantity: 3")
    contrasts = browser.run(CONTRASTS.replace("document.body", "document.querySelector('#pg')"))
    assert len(contrasts) > 8
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}


def test_a_telephone(browser: Browser, site: Site) -> None:
    open_playground(browser, site, size=NARROW)
    assert browser.run("return document.documentElement.scrollWidth") <= NARROW[0]


def test_what_is_typed_can_not_leave(browser: Browser, site: Site, tmp_path: Path) -> None:
    """The browser itself refuses other hosts, to the page and to the worker that runs Python."""
    browser.open(f"{site.address}playground/")
    with serving(tmp_path) as (port, asked):
        for address, answer in ((site.address, "reached"), (f"http://127.0.0.1:{port}/", "refused")):  # fmt: skip
            program = ASK.replace("ADDRESS", repr(address))
            assert browser.driver.execute_async_script(REACH, program) == answer
        assert asked == []
    assert any("Content Security Policy" in one for one in browser.complaints())


def test_how_much_is_loaded(site: Site) -> None:
    folder = site.folder / "assets" / "playground"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    [said] = re.findall(r"some (\d+) MB", (folder / "playground.js").read_text())
    assert round(size / 1e6) == int(said)
