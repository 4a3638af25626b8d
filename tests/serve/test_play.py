"""The Play page: its engine against handgrad's, its state in the address, and the page as one file."""

import base64
import hashlib
import json
import re
import shlex
import shutil

import numpy as np
import pytest

from handgrad.cli.flags import parse
from handgrad.cli.main import main
from handgrad.config import build_layers
from handgrad.config.build import build_split
from handgrad.data import load
from handgrad.nn import Network
from handgrad.optim import OPTIMIZERS
from handgrad.serve import play
from handgrad.training import Trainer
from handgrad.training.settings import build_settings

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium or Chrome here")
STEPS = 21  # an epoch of batches of 64

# Each row changes the page's usual settings; together they have every choice that the page offers.
ALL = {"batch_norm": True, "dropout": 0.3, "num_layers": 2, "hidden_size": 16}
CASES = [
    *({"activation": name} for name in ("relu", "leaky_relu", "elu", "silu", "tanh", "sigmoid", "identity")),
    *({"activation": name, "seed": 3} | ALL for name in ("relu", "tanh", "silu")),
    *({"optimizer": name, "learning_rate": 0.01} for name in ("momentum", "nag", "rmsprop", "adam", "nadam")),
    *({"weight_init": name, "activation": "sigmoid", "seed": 12345} for name in ("xavier", "random", "zeros")),
    {"label_noise": 0.3, "optimizer": "nadam", "learning_rate": 0.003, "seed": 2**32} | ALL,
    {"num_layers": 0},
    {"batch_norm": True, "num_layers": 3},
    {"dropout": 0.8},
]

RUN = """([settings, steps]) => {
  const training = new Training({ ...USUAL, batch_size: 64, ...settings }, images), losses = [];
  const evaluations = [];
  for (let step = 1; step <= steps; step++) {
    const before = training.validation;
    training.step();
    losses.push(training.last.loss);
    const { loss, accuracy } = training.validation;
    if (training.validation !== before) evaluations.push([step, loss, accuracy]);
  }
  const { parameters, gradients, layers } = training.network;
  const running = layers.flatMap((layer) => [...(layer.runningMean ?? []), ...(layer.runningVariance ?? [])]);
  return {
    losses, evaluations, parameters: [...parameters], gradients: [...gradients], buffers: running,
    command: command(training.settings, training), dead: training.deadUnits().map((units) => [...units]),
  };
}"""


@pytest.fixture(scope="module")
def chromium():
    driver = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: python -m pip install playwright"
    )
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def engine(chromium):
    """The modules that need no document, with the digits."""
    page = chromium.new_page()
    script = play.bundle("random.js", "engine.js", "play_training.js", "play_settings.js")
    names = 'Object.assign(window, modules["play_training.js"], modules["play_settings.js"], modules["engine.js"]);'
    page.add_script_tag(content=f"{script}\n{names}")
    page.evaluate("(images) => { window.images = readImages(images); }", play.digits())
    yield page
    page.close()


def trained(command):
    """What the command trains: the trainer after its steps."""
    config = parse(shlex.split(command)[2:]).config
    data = load(config.dataset)
    network = Network(build_layers(config, data.classes, (8, 8)), (8, 8), seed=config.seed, dtype=config.dtype)
    trainer = Trainer(network, build_split(config, data), build_settings(config))
    trainer.run()
    return trainer


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("settings", CASES, ids=str)
def test_the_engine_has_the_numbers_of_the_command_on_the_page(engine, settings):
    """The same weights, batches and masks, from the seed alone: losses, gradients, weights and statistics agree."""
    found = engine.evaluate(RUN, [settings, STEPS])
    trainer = trained(found["command"])
    network, history = trainer.network, trainer.history
    assert len(history.losses) == STEPS
    np.testing.assert_allclose(found["losses"], history.losses, rtol=1e-9)
    np.testing.assert_allclose(found["gradients"], network.gradients, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["parameters"], network.parameters, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["buffers"], network.buffers, rtol=1e-6, atol=1e-9)
    expected = [(row.step, row.validation_loss, row.validation_accuracy) for row in history.evaluations]
    assert [row[0] for row in found["evaluations"]] == sorted({*(row[0] for row in expected), STEPS})
    np.testing.assert_allclose(found["evaluations"][: len(expected)], expected, rtol=1e-6)


@needs_browser
@pytest.mark.slow
def test_every_choice_of_the_page_is_compared_and_has_handgrads_usual_rate(engine):
    usual = engine.evaluate("USUAL")
    for name in ("activation", "optimizer", "weight_init"):
        offered = engine.evaluate(f"CONTROLS.{name}.values")
        assert set(offered) == {usual[name], *(case[name] for case in CASES if name in case)}
    for name in engine.evaluate("Object.keys(OPTIMIZERS)"):
        assert (
            engine.evaluate(f"changed(USUAL, 'optimizer', '{name}').learning_rate") == OPTIMIZERS[name]().learning_rate
        )


@needs_browser
@pytest.mark.slow
def test_curves_of_many_steps_are_the_means_of_what_was_measured(engine):
    found = engine.evaluate("""() => {
      const curves = new Curves(["a", "b"]);
      for (let step = 0; step <= 3000; step++) curves.add(step, [step || null, step % 7 ? null : step]);
      return { steps: curves.steps, a: curves.column("a"), b: curves.column("b") };
    }""")
    assert found["steps"] == [*range(0, 3001, 8)]
    for step, a, b in zip(found["steps"][1:], found["a"][1:], found["b"][1:], strict=True):
        covered = np.arange(step - 7, step + 1)
        assert a == pytest.approx(covered.mean())
        assert b == pytest.approx(covered[covered % 7 == 0].mean())


EXPERIMENT = """([name, steps]) => {
  const training = new Training({ ...USUAL, ...EXPERIMENTS.find((each) => each.name === name).settings }, images);
  const best = [];
  while (training.steps < steps && !training.diverged) {
    training.step();
    best.push(training.validation.accuracy);
  }
  const { dense } = training.network, { curves } = training;
  return {
    steps: training.steps, diverged: training.diverged, dead: training.deadUnits().map((units) => [...units]),
    norms: [...dense.keys()].map((place) => curves.column(place).at(-1)),
    weights: [...dense[0].weight], validation: training.validation.accuracy, best: Math.max(...best),
    accuracy: training.diverged ? 0 : training.evaluate(training.rows.train).accuracy,
  };
}"""


def digits_of_classes():
    """How much brighter each pixel of a class is than of all.  Shapes  -> (64, 10)"""
    data = load("digits")
    x = data.x_train.reshape(len(data.y_train), -1) / 255
    return np.stack([x[data.y_train == label].mean(0) - x.mean(0) for label in range(10)], axis=1)


def likeness(weights):
    pairs = zip(np.reshape(weights, (64, 10)).T, digits_of_classes().T, strict=True)
    return min(weight @ picture / np.linalg.norm(weight) / np.linalg.norm(picture) for weight, picture in pairs)


def ratios(norms):
    return np.array(norms[:-1]) / norms[1:]


# By name, the steps to take, and what the page says that there is to watch.
WATCHED = {
    "no hidden layer": (400, lambda found: likeness(found["weights"]) > 0.8 and found["accuracy"] > 0.9),
    "vanishing gradients": (400, lambda found: max(ratios(found["norms"])) < 0.5 and found["accuracy"] < 0.15),
    "… with batch normalisation": (400, lambda found: min(ratios(found["norms"])) > 0.5 and found["accuracy"] > 0.9),
    "dying units": (400, lambda found: sum(found["dead"][0]) == 64 and max(found["norms"]) < 1e-12),
    "equal units": (400, lambda found: np.ptp(np.reshape(found["weights"], (64, 16)), axis=1).max() < 1e-12),
    "learned by heart": (1500, lambda found: found["accuracy"] > 0.8 and found["best"] > 0.9 > found["validation"]),
    "… with dropout": (1500, lambda found: found["accuracy"] < 0.75 and found["validation"] > 0.9),
    "a rate too large": (400, lambda found: found["diverged"] and found["steps"] < 20),
}


@needs_browser
@pytest.mark.slow
def test_experiments_show_what_the_page_says(engine):
    assert engine.evaluate("EXPERIMENTS.map((each) => each.name)") == [*WATCHED]
    for name, (steps, holds) in WATCHED.items():
        found = engine.evaluate(EXPERIMENT, [name, steps])
        assert holds(found), (name, {key: value for key, value in found.items() if key != "weights"})


def test_the_file_holds_the_digits_and_loads_nothing(tmp_path, capsys):
    output = tmp_path / "page.html"
    assert main(["play", "--output", str(output)]) == 0
    text = output.read_text(encoding="utf-8")
    assert f"{output}: {len(text.encode()) / 1e6:.2f} MB" in capsys.readouterr().out
    assert len(text.encode()) < 1e6
    images = json.loads(re.search(r'id="images">(.*?)</script>', text)[1])
    digits = load("digits")
    assert base64.b64decode(images["images"]) == digits.x_train.tobytes()
    assert [*map(int, images["labels"])] == digits.y_train.tolist()
    policy = re.search(r'policy" content="(.*?)"', text)[1]
    for inline in [
        *re.findall(r"<script>(.*?)</script>", text, re.DOTALL),
        re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1],
    ]:
        assert base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode() in policy
    assert not re.search(r"\b(src|href)=\"(?!data:)", text)


SHIFTS = """() => new Promise((done) => {
  const observer = new PerformanceObserver((list) => done(list.getEntries().map((each) => each.value)));
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done([]), 200);
})"""


@pytest.fixture
def file(chromium, tmp_path):
    """`file(address)` opens the page as a file, without a network, and gives it."""
    path = tmp_path / "play.html"
    path.write_text(play.page(), encoding="utf-8")
    context = chromium.new_context(offline=True, viewport={"width": 400, "height": 900})
    complaints = []

    def opened(address=""):
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto(f"{path.as_uri()}{address}")
        page.wait_for_selector(".plot canvas >> nth=2")
        return page

    yield opened
    context.close()
    assert complaints == []


def figures(page):
    return page.locator(".figures dd").all_inner_texts()


def at_step(page, step):
    """Wait until it has made these steps, and has stopped."""
    page.wait_for_selector(f".figures dd:text-is('{step}')")
    page.wait_for_selector("button:text-is('Train')")


@needs_browser
@pytest.mark.slow
def test_the_file_trains_offline_and_its_address_gives_the_same_numbers(file):
    page = file()
    assert figures(page)[0] == "0"
    page.get_by_role("button", name="One step").click()
    at_step(page, 1)
    for epoch in range(1, 13):
        page.get_by_role("button", name="One epoch").click()
        at_step(page, 41 * epoch)
    step, epochs, *_, accuracy = figures(page)
    assert (step, epochs) == ("492", "12.00")
    assert float(accuracy.removesuffix(" %")) >= 90
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate(SHIFTS) == []
    assert "training from 2.567 to" in page.get_attribute(".plot", "aria-label")
    shared = file(page.evaluate("location.hash"))
    at_step(shared, 492)
    assert figures(shared) == figures(page)
    charts = ".plot >> nth=%d"
    for place in range(3):
        assert shared.get_attribute(charts % place, "aria-label") == page.get_attribute(charts % place, "aria-label")
    assert (
        shared.locator(".mistakes .digit:visible").all_inner_texts()
        == page.locator(".mistakes .digit:visible").all_inner_texts()
    )


@needs_browser
@pytest.mark.slow
def test_a_change_begins_anew_and_what_the_address_cannot_mean_is_named(file):
    page = file("#play/optimizer=adam&hidden_size=999&colour=red&learning_rate=0.005&steps=9")
    at_step(page, 9)
    assert "hidden_size=999, colour=red" in page.inner_text("[role=alert]")
    assert page.input_value("#play-learning_rate") == "0.005"
    assert page.input_value("#play-hidden_size") == "32"
    page.select_option("#play-optimizer", "rmsprop")
    assert page.input_value("#play-learning_rate") == "0.001"
    assert figures(page)[0] == "0"
    assert "steps" not in page.evaluate("location.hash")
    assert "--optimizer rmsprop --learning_rate 0.001" in page.inner_text("#command")
    page.goto(
        f"{page.url.split('#')[0]}#play/optimizer=momentum&learning_rate=100&activation=identity&num_layers=3&steps=400"
    )
    page.wait_for_selector("[role=alert]:has-text('Diverged: the loss of step')")
