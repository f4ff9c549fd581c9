"""The pages of reports, looked at in a real browser: both themes, three widths, one page after the other.

    browser.py PICTURES PAGE.html…

Every finding is a line, and the exit code is 1 if there is one. Pictures of all that was seen go to the folder.
Before the pages come their faults: each is put into a page on purpose, and its check must find it.
"""

import base64
import pathlib
import sys

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

THEMES = ["light", "dark"]
LONGEST_PICTURE = 12_000
WIDTHS = {"phone": 360, "tablet": 768, "desktop": 1280}

# Returns what is wrong with the page as it is shown now: a list of lines.
CHECKS = r"""
const wrong = [];
const name = element => element.tagName.toLowerCase() + (element.className.baseVal ?? element.className ? '.' +
    (element.className.baseVal ?? element.className).replaceAll(' ', '.') : '');
const shown = element => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== 'hidden';
const width = document.documentElement.clientWidth;
const scrolls = element => element.closest('.wide, pre');

// Nothing lies beside the screen, but what scrolls by itself.
if (document.documentElement.scrollWidth > width)
    wrong.push(`overflow: the page is ${document.documentElement.scrollWidth} wide on a screen of ${width}`);
for (const element of document.querySelectorAll('body *')) {
    if (!shown(element) || scrolls(element) || element.matches('.skip')) continue;
    const box = element.getBoundingClientRect();
    if (box.width > 0 && (box.right > width + 1 || box.left < -1))
        wrong.push(`overflow: ${name(element)} from ${box.left.toFixed(0)} to ${box.right.toFixed(0)}`);
}
for (const verdict of document.querySelectorAll('.reached, .missed, .likely, .open')) {
    const box = verdict.getBoundingClientRect();
    if (shown(verdict) && (box.right > width + 1 || box.left < 0))
        wrong.push(`verdict: ${verdict.textContent} is beside the screen`);
}

// What is read has a size that can be read, and stands out from what is behind it.
const channels = colour => colour.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => {
    const linear = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
};
const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
};
const behind = element => {
    for (let at = element; at; at = at.parentElement) {
        const colour = channels(getComputedStyle(at).backgroundColor);
        if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
};
let texts = 0, least = Infinity;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !shown(element) || element.matches('style, script')) continue;
    texts += 1;
    const style = getComputedStyle(element);
    if (parseFloat(style.fontSize) < 11) wrong.push(`size: "${text.data.trim()}" has ${style.fontSize}`);
    const contrast = ratio(channels(style.color), behind(element));
    least = Math.min(least, contrast);
    if (contrast < 4.5) wrong.push(`contrast: "${text.data.trim()}" has ${contrast.toFixed(2)}`);
}
if (texts < 100) wrong.push(`text: ${texts} pieces`);

// Every chart is drawn.
let charts = 0;
for (const chart of document.querySelectorAll('.chart')) {
    charts += 1;
    const bars = [...chart.querySelectorAll('[role=listitem]')];
    const drawn = bars.filter(bar => {
        const track = bar.querySelector('.track').getBoundingClientRect();
        const median = bar.querySelector('.median').getBoundingClientRect();
        return median.width > 0 && median.left >= track.left - 6 && median.right <= track.right + 6;
    });
    if (!bars.length || drawn.length < bars.length)
        wrong.push(`chart: ${chart.getAttribute('aria-label')}: ${drawn.length} of ${bars.length} are drawn`);
}
for (const figure of document.querySelectorAll('figure.lines')) {
    charts += 1;
    const title = figure.querySelector('.plot > svg').getAttribute('aria-label');
    const frame = figure.querySelector('.plot > svg').getBoundingClientRect();
    const lines = [...figure.querySelectorAll('.plot > svg > path:not(.grid)')];
    const drawn = lines.filter(line => {
        const box = line.getBoundingClientRect();
        return box.width > frame.width / 3 && box.left >= frame.left - 4 && box.right <= frame.right + 4
            && box.top >= frame.top - 4 && box.bottom <= frame.bottom + 4;
    });
    if (!lines.length || drawn.length < lines.length)
        wrong.push(`chart: ${title}: ${drawn.length} of ${lines.length} lines are drawn`);
    if (!figure.querySelector('.plot path.ours')) wrong.push(`chart: ${title}: ours is not drawn`);
    const accent = figure.querySelector('.plot path.ours');
    if (accent && ratio(channels(getComputedStyle(accent).stroke), behind(figure)) < 3)
        wrong.push(`chart: ${title}: ours does not stand out`);
}
if (!charts) wrong.push('chart: there is none');

// Names along an axis do not lie on one another.
for (const axis of document.querySelectorAll('.ticks, .xs, .ys')) {
    const boxes = [...axis.children].map(tick => {
        const range = document.createRange();
        range.selectNodeContents(tick);
        return range.getBoundingClientRect();
    });
    boxes.forEach((box, at) => boxes.slice(at + 1).forEach(other => {
        if (box.left < other.right - 1 && other.left < box.right - 1
            && box.top < other.bottom - 1 && other.top < box.bottom - 1)
            wrong.push(`axis: two names lie on one another: ${axis.textContent.trim()}`);
    }));
}

// Nothing comes from elsewhere.
for (const other of performance.getEntriesByType('resource')) wrong.push(`network: ${other.name}`);
return [wrong, charts, texts, least];
"""

# What is put into a page on purpose, and which check must find it.
FAULTS = {
    "overflow": "document.querySelector('h1').style.width = '3000px'",
    "verdict": "Object.assign(document.querySelector('.missed, .likely').style, {position: 'absolute', left: '9000px'})",
    "size": "document.querySelector('.ticks span').style.fontSize = '9px'",
    "contrast": "document.querySelector('h2').style.color = '#888'",
    "chart": "document.querySelector('.chart .median').style.display = 'none'",
    "axis": "document.querySelectorAll('.ticks span').forEach(tick => tick.style.left = '50%')",
    "console": "console.error('on purpose')",
}
LINE_FAULTS = {
    "chart": "document.querySelector('.plot path.ours').remove()",
}


class Browser:
    def __init__(self):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def open(self, page, theme, width):
        phone = width < 600
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        self.driver.get(page.resolve().as_uri())
        seen = self.driver.execute_script(
            "return [document.documentElement.clientWidth, matchMedia('(prefers-color-scheme: dark)').matches]")
        assert seen == [width, theme == "dark"], f"asked for {width} and {theme}, got {seen}"

    def look(self):
        """What is wrong, and how much was seen."""
        wrong, charts, texts, least = self.driver.execute_script(CHECKS)
        wrong += [f"console: {entry['message']}" for entry in self.driver.get_log("browser")]
        return wrong, f"{charts} charts, {texts} pieces of text, contrast at least {least:.2f}"

    def picture(self, path):
        """A long page takes several pictures, since the browser refuses one of more than 16,384 pixels."""
        width, height = self.driver.execute_script(
            "return [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        for number, top in enumerate(range(0, height, LONGEST_PICTURE)):
            clip = {"x": 0, "y": top, "width": width, "height": min(LONGEST_PICTURE, height - top), "scale": 1}
            part = {"captureBeyondViewport": True, "format": "png", "clip": clip}
            data = self.driver.execute_cdp_cmd("Page.captureScreenshot", part)["data"]
            name = f"{path.stem}-{number + 1}.png" if number else path.name
            path.with_name(name).write_bytes(base64.b64decode(data))

    def keyboard(self):
        """Tab goes to the way past the navigation, then through it; Enter follows a link; each shows where it is."""
        wrong = []
        active = "return document.activeElement.getAttribute('href')"
        outlined = "return getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        seen = []
        for _ in range(3):
            ActionChains(self.driver).send_keys(Keys.TAB).perform()
            seen.append(self.driver.execute_script(active))
            if not self.driver.execute_script(outlined):
                wrong.append(f"keyboard: nothing shows that {seen[-1]} is chosen")
        if seen[0] != "#main" or None in seen or len(set(seen)) < 3:
            wrong.append(f"keyboard: Tab goes to {seen}")
        ActionChains(self.driver).send_keys(Keys.ENTER).perform()
        there = self.driver.execute_script("return location.hash")
        if there != seen[-1]:
            wrong.append(f"keyboard: Enter on {seen[-1]} leads to {there}")
        return wrong


def controls(browser, page):
    """Each fault must be found by the check that is for it."""
    has_lines = "class=\"plot\"" in page.read_text()
    for kind, fault in list(FAULTS.items()) + (list(LINE_FAULTS.items()) if has_lines else []):
        browser.open(page, "light", 768)
        browser.driver.get_log("browser")
        browser.driver.execute_script(fault)
        found, _ = browser.look()
        if not any(line.startswith(f"{kind}: ") for line in found):
            yield f"{page.name}: the check of {kind} does not find: {fault}"


def main(pictures, *pages):
    pictures = pathlib.Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    browser = Browser()
    findings = []
    try:
        for page in map(pathlib.Path, pages):
            findings += controls(browser, page)
            for theme in THEMES:
                for size, width in WIDTHS.items():
                    browser.open(page, theme, width)
                    wrong, seen = browser.look()
                    browser.picture(pictures / f"{page.stem}-{theme}-{size}.png")
                    wrong += browser.keyboard()
                    findings += [f"{page.name}, {theme}, {size}: {line}" for line in wrong]
                    print(f"{page.name}, {theme}, {size} ({width}): {seen}, {len(wrong)} findings")
    finally:
        browser.driver.quit()
    print("\n".join(findings[:60]))
    print(f"browser: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
