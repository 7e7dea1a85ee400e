"""The report in a browser: drawn, hovered, in light and dark, on a phone, without any network."""

import json
import shutil

import pytest

from attention_jax.cli import main

pytestmark = pytest.mark.long

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
_OFFLINE = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"there is no browser to test with: install one of {', '.join(names)}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_OFFLINE)
        yield browser
        browser.close()


def write_run(folder, label, prediction, kind="prediction"):
    """A run made by hand, of sentences that would break a page: long, right to left, hostile."""
    sources = [
        "the red house",
        "<script>document.title = 'hit'</script> <b>house</b>",
        "البيت الأحمر الكبير",
        "word " * 70,
        "x" * 400,
    ]
    (folder / "predictions").mkdir(parents=True)
    config = {"steps": 20, "model": {"hidden": len(label)}, "long": "value" * 60}
    stored = {"experiment": "translation/rnnsearch", "arg": "", "overrides": ["--config.steps=20"]}
    stored |= {"version": "0.1.0", "code": "abc", "config": config}
    (folder / "config.json").write_text(json.dumps(stored))
    rows = [
        {"step": step, "split": split, "loss": 100.0 / step**2, "bleu/length_0_10": 1.0}
        for step in range(1, 21)
        for split in ("train", "validation")
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    records = [
        {"source": source, "prediction": prediction, "reference": "a reference", "chrf": float(n)}
        for n, source in enumerate(sources * 3)
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "predictions" / "test.jsonl").write_text(text)
    measured = {"step": 20, "metrics": {"bleu": 31.5, "bleu/length_0_10": 30.0}}
    measured |= {"notes": {"bleu": "tok:13a|" * 20}, "main_metric": ["bleu", "max"]}
    (folder / "predictions" / "test_metrics.json").write_text(json.dumps(measured))
    maps = [a_map(n, source, kind) for n, source in enumerate(sources)]
    maps.insert(1, a_map(0, sources[0], "reference"))
    (folder / "predictions" / "test_maps.json").write_text(json.dumps({"step": 20, "maps": maps}))
    return folder


def a_map(example, source, kind):
    keys = source.split()
    queries = [f"t{n}" for n in range(len(keys))] + ["</s>"]
    weights = [[0.05] * len(keys) for _ in queries]
    for n in range(len(keys)):
        weights[n][n] = 0.75
    return {
        **{"example": example, "title": source, "kind": kind, "names": ["target", "source"]},
        **{"queries": queries, "keys": keys, "weights": weights},
        **{"words": None, "gold": [[0, 0]]},
    }


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """One run's page, and two runs' side by side."""
    folder = tmp_path_factory.mktemp("report")
    one = write_run(folder / "one", "one", "a prediction")
    other = write_run(folder / "another", "another", "something else")
    assert main(["report", str(one)]) == 0
    assert main(["report", str(one), str(other)]) == 0
    return one / "report.html", one / "comparison.html"


@pytest.fixture
def visit(browser):
    """Opens a page; afterwards nothing may have been complained of or asked of a network."""
    complaints, requests, contexts = [], [], []

    def open_page(path, viewport=DESKTOP, scheme="light", touch=False):
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, has_touch=touch, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(120_000)  # For a machine that is busy with other tests.
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(".plot .main-svg")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints
    assert all(url.startswith(("data:", "file:")) for url in requests)


def choose(page, example):
    page.select_option("#example", f"test {example}")


def word(page, side, n, panel=0):
    return page.locator(".panel").nth(panel).locator(f".words[data-side={side}] .word").nth(n)


def number_under(page, side, n, panel=0):
    return word(page, side, n, panel).locator("small").inner_text()


def test_every_chart_is_drawn(reports, visit):
    page = visit(reports[0])
    assert page.locator(".chart").count() == 2
    for n in range(2):
        assert page.locator(".chart").nth(n).locator(".scatterlayer path.js-line").count() >= 1
    assert page.title() != "hit"
    assert page.locator("h1").count() == 1


def test_a_run_without_curves_is_drawn_too(tmp_path, visit):
    folder = write_run(tmp_path / "run", "run", "a prediction")
    (folder / "metrics.jsonl").unlink()
    assert main(["report", str(folder)]) == 0
    page = visit(folder / "report.html")
    assert page.locator(".chart").count() == 1


def test_a_target_word_lights_up_its_source_words_and_the_other_way_round(reports, visit):
    page = visit(reports[0])
    choose(page, 0)
    word(page, "query", 1).hover()
    assert [number_under(page, "key", n) for n in range(3)] == [".05", ".75", ".05"]
    assert "red 0.75" in page.locator(".readout").inner_text()
    colours = [
        word(page, "key", n).evaluate("e => getComputedStyle(e).backgroundColor") for n in range(3)
    ]
    assert colours[0] == colours[2] != colours[1]
    word(page, "key", 2).hover()
    assert [number_under(page, "query", n) for n in range(4)] == [".05", ".05", ".75", ".05"]
    assert number_under(page, "key", 1) == ""


def test_a_cell_of_the_matrix_lights_up_both_its_words(reports, visit):
    page = visit(reports[0])
    choose(page, 0)
    cell = page.locator(".matrix tbody tr").nth(2).locator("td").nth(1)
    cell.hover()
    assert number_under(page, "key", 2) == ".75"
    assert "on" in word(page, "query", 2).get_attribute("class")
    assert page.locator(".matrix td.gold").count() == 1


def test_words_can_be_reached_and_held_with_the_keyboard(reports, visit):
    page = visit(reports[0])
    choose(page, 0)
    word(page, "query", 0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert number_under(page, "key", 2) == ".75"
    page.keyboard.press("Enter")
    page.mouse.move(5, 5)
    assert number_under(page, "key", 2) == ".75"
    page.keyboard.press("Escape")
    assert number_under(page, "key", 2) == ""
    # One stop for each side, however many words there are.
    assert page.locator(".words [tabindex='0']").count() == 2


def test_arrow_keys_follow_the_direction_of_writing(reports, visit):
    page = visit(reports[0])
    choose(page, 2)
    word(page, "key", 0).focus()
    page.keyboard.press("ArrowLeft")
    assert number_under(page, "query", 1) == ".75"
    boxes = [word(page, "key", n).bounding_box()["x"] for n in range(2)]
    assert boxes[0] > boxes[1]


def test_another_map_of_the_example_can_be_chosen(reports, visit):
    page = visit(reports[0])
    choose(page, 0)
    page.get_by_role("button", name="reference").click()
    assert page.get_by_role("button", name="reference").get_attribute("aria-pressed") == "true"


def test_an_example_leads_to_its_attention(reports, visit):
    page = visit(reports[0])
    page.locator("[data-example='1']").first.click()
    assert page.locator("#example").input_value() == "test 1"
    assert "<b>house</b>" in page.locator(".words[data-side=key]").inner_text()


def test_groups_of_examples_are_tabs(reports, visit):
    page = visit(reports[0])
    assert page.locator(".group:visible").count() == 1
    page.get_by_role("tab", name="worst").click()
    assert (
        page.locator(".group:visible .example h4").first.inner_text() == "Example 1 its attention"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_and_charts_follow_the_system_and_the_toggle(scheme, reports, visit):
    page = visit(reports[0], scheme=scheme)

    def look():
        ink = page.locator(".xtick text").first.evaluate("e => getComputedStyle(e).fill")
        return page.evaluate("getComputedStyle(document.body).backgroundColor"), ink

    def lightness(colour):
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))

    ground, ink = look()
    assert (lightness(ground) > lightness(ink)) == (scheme == "light")
    page.locator("#theme").click()
    ground, ink = look()
    assert (lightness(ground) > lightness(ink)) == (scheme == "dark")
    page.reload()
    assert look() == (ground, ink)


@pytest.mark.parametrize("which", [0, 1])
def test_a_phone_never_scrolls_sideways(which, reports, visit):
    page = visit(reports[which], PHONE, touch=True)
    for example in range(5):
        choose(page, example)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for details in page.locator("details").all():
        details.evaluate("e => e.open = true")
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    choose(page, 0)
    word(page, "query", 1).tap()
    assert number_under(page, "key", 1) == ".75"


def test_two_runs_stand_side_by_side_and_light_up_together(reports, visit):
    page = visit(reports[1])
    choose(page, 0)
    assert page.locator(".panel h3").all_inner_texts() == ["one", "another"]
    word(page, "key", 1).hover()
    assert number_under(page, "query", 1, panel=1) == ".75"
    differing = page.locator("#config table").first.inner_text()
    assert "model.hidden" in differing
    assert "steps" not in differing
    boxes = [page.locator(".panel").nth(n).bounding_box() for n in range(2)]
    assert boxes[0]["y"] == boxes[1]["y"]
