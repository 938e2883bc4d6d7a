#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Draws config/prometheus/dashboard.json with the data of a running Prometheus, roughly as Grafana would.

usage: render-dashboard.py --prometheus http://127.0.0.1:9090 [--minutes 60] [--dashboard FILE] OUTPUT.png

It knows the kinds of panels, units and options that the dashboard has, and stops at others. It needs matplotlib:
python3-matplotlib of Debian, or a virtual environment. Exit code 1 if a panel has no data, which it then names.
"""
import argparse
import io
import json
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
from matplotlib import dates, figure, patches, ticker  # noqa: E402
from PIL import Image  # noqa: E402

DASHBOARD = pathlib.Path(__file__).resolve().parent.parent / "config/prometheus/dashboard.json"
BACKGROUND, PANEL, LINE, TEXT, FAINT = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e8e8e"
NAMED = {"green": "#73bf69", "blue": "#5794f2", "yellow": "#f2cc0c", "red": "#f2495c", "purple": "#b877d9",
         "orange": "#ff9830"}
PALETTE = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#8ab8ff", "#b877d9", "#96d98d", "#ffb357"]
COLUMN, ROW, GAP, DPI = 66, 30, 8, 100  # pixels


class Source:
    """A Prometheus, and the time to look at."""

    def __init__(self, url, minutes):
        self.url, self.minutes, self.end = url.rstrip("/"), minutes, time.time()
        self.start = self.end - 60 * minutes
        self.step = max(5, 60 * minutes // 240)

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=60) as answer:
            return json.load(answer)["data"]["result"]

    def series(self, target):
        """(legend, times, values) of each series of a target."""
        expression = self.filled(target["expr"])
        if target.get("instant"):
            found = self.ask("query", query=expression, time=self.end)
            return [(legend(target, one), [self.end], [float(one["value"][1])]) for one in found]
        found = self.ask("query_range", query=expression, start=self.start, end=self.end, step=self.step)
        return [(legend(target, one), [point[0] for point in one["values"]], [float(point[1]) for point in one["values"]])
                for one in found]

    def filled(self, expression):
        """The expression as Grafana sends it, all values of each variable chosen."""
        interval = f"{max(4 * 5, self.step + 5)}s"
        return re.sub(r"\$(namespace|job)\b", ".*", expression.replace("$__rate_interval", interval))


def legend(target, one):
    if not target["legendFormat"]:
        return one["metric"]
    return re.sub(r"\{\{(\w+)\}\}", lambda match: one["metric"].get(match.group(1), ""), target["legendFormat"])


def scaled(value, base, suffixes):
    index = 0
    while abs(value) >= base and index < len(suffixes) - 1:
        value, index = value / base, index + 1
    return f"{value:.3g} {suffixes[index]}".strip()


def quantity(value, unit):
    """The value as Grafana writes it in this unit."""
    if unit == "s":
        if value and abs(value) < 1:
            return scaled(value * 1e6, 1000, ["µs", "ms"])
        return f"{value:.3g} s" if abs(value) < 120 else f"{value / 60:.3g} min"
    if unit == "percentunit":
        return f"{100 * value:.3g}%"
    if unit in ("bytes", "Bps"):
        return scaled(value, 1024, ["B", "KiB", "MiB", "GiB"]) + ("/s" if unit == "Bps" else "")
    if unit in ("short", "reqps"):
        return scaled(value, 1000, ["", "K", "M"]) + ("/s" if unit == "reqps" else "")
    raise SystemExit(f"unit {unit} is not known here")


def color_of(name, index, panel):
    """What an override says, otherwise the next colour."""
    for override in panel["fieldConfig"]["overrides"]:
        matcher = override["matcher"]
        is_meant = re.fullmatch(matcher["options"], name) if matcher["id"] == "byRegexp" else matcher["options"] == name
        if is_meant:
            return NAMED[override["properties"][0]["value"]["fixedColor"]]
    return PALETTE[index % len(PALETTE)]


class BinaryLocator(ticker.MaxNLocator):
    """Marks at round numbers of KiB or MiB."""

    def tick_values(self, vmin, vmax):
        unit = 1024 ** 2 if vmax >= 1024 ** 2 else 1024
        return [unit * mark for mark in super().tick_values(vmin / unit, vmax / unit)]


class Page:
    """The picture, with panels where the grid has them."""

    def __init__(self, panels, source):
        self.source, self.empty = source, []
        positions = [panel["gridPos"] for panel in panels]
        self.width = 24 * COLUMN + GAP
        self.height = max(place["y"] + place["h"] for place in positions) * ROW + GAP
        self.figure = figure.Figure(figsize=(self.width / DPI, self.height / DPI), dpi=DPI, facecolor=BACKGROUND)

    def box(self, place, left=0, right=0, top=0, bottom=0):
        """A panel's rectangle, without margins of so many pixels, in shares of the picture."""
        x, y = place["x"] * COLUMN + GAP + left, self.height - place["y"] * ROW - GAP - top
        width = place["w"] * COLUMN - GAP - left - right
        height = place["h"] * ROW - GAP - top - bottom
        return x / self.width, (y - height) / self.height, width / self.width, height / self.height

    def text(self, place, x, y, text, **options):
        """Text, so many pixels right of and below a panel's corner."""
        left = (place["x"] * COLUMN + GAP + x) / self.width
        top = 1 - (place["y"] * ROW + GAP + y) / self.height
        self.figure.text(left, top, text, **{"color": TEXT, "va": "top", "fontsize": 9, **options})

    def draw(self, panel):
        place = panel["gridPos"]
        if panel["type"] == "row":
            return self.text(place, 4, 4, f"⌄  {panel['title']}", fontsize=12)
        x, y, width, height = self.box(place)
        self.figure.patches.append(patches.Rectangle(
            (x, y), width, height, transform=self.figure.transFigure, facecolor=PANEL, edgecolor=LINE, linewidth=0.8,
            zorder=-1))
        self.text(place, 10, 8, panel["title"], fontsize=10, fontweight="bold")
        series = [one for target in panel["targets"] for one in self.source.series(target)]
        if not series:
            self.empty.append(panel["title"])
        draw = {"stat": self.stat, "table": self.table, "timeseries": self.lines, "heatmap": self.heatmap}
        return draw[panel["type"]](panel, place, series)

    def stat(self, panel, place, series):
        defaults = panel["fieldConfig"]["defaults"]
        middle = place["w"] * COLUMN / 2
        if not series:
            return self.text(place, middle, 52, defaults["noValue"], fontsize=18, ha="center", color=FAINT)
        name, times, values = series[0]
        value = round(values[-1])
        steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
        color = NAMED[steps[-1]["color"]]
        text = name if panel["options"]["textMode"] == "name" else str(value)
        self.text(place, middle, 36, text, fontsize=30, ha="center", color=color)
        if panel["options"]["graphMode"] == "area" and len(times) > 1:
            axes = self.figure.add_axes(self.box(place, left=1, right=1, top=80, bottom=1), facecolor="none")
            axes.set_axis_off()
            axes.set_ylim(0, max(*values, 1) * 1.05)
            axes.set_xlim(times[0], times[-1])
            axes.fill_between(times, values, color=color, alpha=0.25)
            axes.plot(times, values, color=color, linewidth=1)
        return None

    def table(self, panel, place, series):
        names = panel["transformations"][0]["options"]
        columns = sorted(names["indexByName"], key=names["indexByName"].get)
        step = place["w"] * COLUMN / len(columns)
        rows = sorted(tuple(one[0].get(column, "") for column in columns) for one in series)
        shown = rows[:(place["h"] * ROW - 100) // 24]
        for column, name in enumerate(columns):
            self.text(place, 12 + column * step, 36, names["renameByName"][name], color=NAMED["blue"])
            for row, cells in enumerate(shown):
                self.text(place, 12 + column * step, 60 + row * 24, cells[column])
        if len(rows) > len(shown):
            self.text(place, 12, 60 + len(shown) * 24, f"and {len(rows) - len(shown)} more", color=FAINT)
        if not rows:
            self.text(place, 12, 60, panel["fieldConfig"]["defaults"]["noValue"], color=FAINT)

    def axes(self, panel, place):
        axes = self.figure.add_axes(self.box(place, left=62, right=12, top=34, bottom=46), facecolor="none")
        unit = panel["fieldConfig"]["defaults"]["unit"]
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: quantity(value, unit)))
        axes.yaxis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))
        if unit in ("bytes", "Bps"):
            axes.yaxis.set_major_locator(BinaryLocator())
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
        axes.xaxis.set_major_locator(dates.MinuteLocator(interval=max(1, round(self.source.minutes / 6))))
        axes.xaxis_date()
        axes.set_xlim(self.source.start / 86400, self.source.end / 86400)
        axes.tick_params(colors=FAINT, labelsize=7.5, length=0)
        axes.grid(color=LINE, linewidth=0.6)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def lines(self, panel, place, series):
        axes, custom = self.axes(panel, place), panel["fieldConfig"]["defaults"]["custom"]
        if not series:
            axes.text(0.5, 0.5, "No data", color=FAINT, ha="center", va="center", transform=axes.transAxes)
        below, handles = {}, []
        for index, (name, times, values) in enumerate(sorted(series, key=lambda one: one[0])):
            color, days = color_of(name, index, panel), [moment / 86400 for moment in times]
            floor = [0.0] * len(times)
            if custom["stacking"]["mode"] == "normal":
                floor = [below.get(moment, 0.0) for moment in times]
                values = [value + low for value, low in zip(values, floor)]
                below.update(zip(times, values))
            axes.fill_between(days, floor, values, color=color, alpha=custom["fillOpacity"] / 100, linewidth=0)
            handles += axes.plot(days, values, color=color, linewidth=1.2, label=name)
        if panel["fieldConfig"]["defaults"].get("min") == 0:
            axes.set_ylim(bottom=0, top=None if axes.get_ylim()[1] > 0.06 or any(max(one[2]) for one in series) else 1)
        if handles:
            self.legend(place, handles)

    def legend(self, place, handles):
        """One line of names below the axes, as many as there is room for."""
        left = 62
        for handle in handles:
            name = handle.get_label()
            width = 24 + 6.2 * len(name)
            if left + width > place["w"] * COLUMN:
                break
            y = place["h"] * ROW - GAP - 22
            self.text(place, left, y, "━", color=handle.get_color(), fontsize=8)
            self.text(place, left + 14, y, name, fontsize=8)
            left += width

    def heatmap(self, panel, place, series):
        axes = self.axes(panel, place)
        unit = panel["options"]["yAxis"]["unit"]
        buckets = sorted((float(name), dict(zip(times, values))) for name, times, values in series)
        times = sorted({moment for _, points in buckets for moment in points})
        if not times:
            return
        rows, below = [], dict.fromkeys(times, 0.0)
        for _, points in buckets:
            rows.append([max(0.0, points.get(moment, 0.0) - below[moment]) or float("nan") for moment in times])
            below = {moment: points.get(moment, 0.0) for moment in times}
        edges = [moment / 86400 for moment in times] + [(times[-1] + self.source.step) / 86400]
        axes.pcolormesh(edges, range(len(rows) + 1), rows, cmap="inferno", norm="log")
        axes.set_yticks(range(1, len(rows) + 1))
        axes.set_yticklabels([quantity(bound, unit) if bound < 1e9 else "more" for bound, _ in buckets])
        axes.grid(False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", required=True)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--dashboard", type=pathlib.Path, default=DASHBOARD)
    parser.add_argument("output")
    options = parser.parse_args()
    panels = json.loads(options.dashboard.read_text())["panels"]
    page = Page(panels, Source(options.prometheus, options.minutes))
    for panel in panels:
        page.draw(panel)
    picture = io.BytesIO()
    page.figure.savefig(picture, dpi=DPI, facecolor=BACKGROUND)
    # A picture of few colours: a palette makes it a third of the size.
    Image.open(picture).convert("RGB").quantize(128).save(options.output, optimize=True)
    for title in page.empty:
        print(f"no data: {title}")
    return 1 if page.empty else 0


if __name__ == "__main__":
    sys.exit(main())
