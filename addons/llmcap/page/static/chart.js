// Stacked areas of costs by time, drawn by uPlot.

import uPlot from "./vendor/uPlot.esm.js";
import { small } from "./format.js";

function colour(number) {
  return getComputedStyle(document.documentElement).getPropertyValue("--c" + Math.min(number, 6)).trim();
}

// `steps` are seconds since 1970, `series` [{value, cost_usd: [...]}], the last one being all others.
export function draw(place, steps, series, said) {
  const sums = steps.map(() => 0);
  const stacked = series.map((each) => each.cost_usd.map((cost, at) => (sums[at] += Number(cost))));
  const ink = getComputedStyle(document.documentElement).getPropertyValue("--quiet").trim();
  const line = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
  const order = series.map((_, at) => at).reverse();
  const bars = uPlot.paths.bars({ size: [0.8, 60], radius: 0.08 });
  const options = {
    width: Math.max(place.clientWidth, 260),
    height: 260,
    cursor: { y: false, points: { show: false } },
    legend: { show: false },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [
      { stroke: ink, grid: { show: false }, ticks: { stroke: line } },
      { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 62, values: (_, values) => values.map((value) => small(value)) },
    ],
    series: [{}, ...order.map((at) => ({ paths: bars, fill: colour(named(series, at)), stroke: colour(named(series, at)), width: 0, points: { show: false } }))],
    hooks: { setCursor: [(plot) => said(plot.cursor.idx ?? null)] },
  };
  const plot = new uPlot(options, [steps, ...order.map((at) => stacked[at])], place);
  const watcher = new ResizeObserver(() => {
    if (!place.isConnected) watcher.disconnect();
    else if (place.clientWidth) plot.setSize({ width: place.clientWidth, height: 260 });
  });
  watcher.observe(place);
  return plot;
}

export function named(series, at) {
  return series[at].value === null ? 6 : at;
}
