/** A window of time and where things stand in it. */

/** @typedef {{from: number, to: number}} Range milliseconds since the epoch */

/** The whole task, up to `now` while it runs. @param {import("./trace.js").Trace} trace @param {number} now @returns {Range} */
export function wholeRange(trace, now) {
  const from = Number.isNaN(trace.begin) ? now : Math.min(trace.begin, earliestStart(trace));
  const to = trace.finished ? trace.end : Math.max(now, trace.latest || from);
  return { from, to: Math.max(to, from + 1) };
}

/** @param {import("./trace.js").Trace} trace */
function earliestStart(trace) {
  let earliest = trace.begin;
  const limit = Math.min(trace.spans.length, 200);
  for (let span = 1; span < limit; span += 1) earliest = Math.min(earliest, trace.spans.start[span]);
  return earliest;
}

/** A span with a little room around it. @param {number} start @param {number} end @returns {Range} */
export function around(start, end) {
  const margin = Math.max(1, (end - start) * 0.06);
  return { from: start - margin, to: end + margin };
}

/**
 * @param {Range} range @param {number} start @param {number} end
 * @returns {{left: number, width: number}|null} in percent; null when outside
 */
export function place(range, start, end) {
  const length = range.to - range.from;
  const left = Math.max(0, ((start - range.from) / length) * 100);
  const right = Math.min(100, ((end - range.from) / length) * 100);
  if (right < 0 || left > 100 || right < left) return null;
  return { left, width: right - left };
}

const STEPS = [1, 2, 5];

/** Round offsets from `origin`, in milliseconds. @param {Range} range @param {number} origin @param {number} most @returns {number[]} */
export function ticks(range, origin, most) {
  const length = range.to - range.from;
  let step = 1;
  for (let scale = 1; step * most < length; scale *= 10) {
    for (const part of STEPS) {
      step = part * scale;
      if (step * most >= length) break;
    }
  }
  const marks = [];
  for (let at = Math.ceil((range.from - origin) / step) * step; at <= range.to - origin; at += step) marks.push(at);
  return marks;
}

/** @param {number} milliseconds @param {number} length of the window, which decides the unit */
export function tickLabel(milliseconds, length) {
  if (length < 2000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (length < 120_000) return `${Number(seconds.toFixed(length < 20_000 ? 1 : 0))} s`;
  if (length >= 7_200_000) return `${Number((seconds / 3600).toFixed(1))} h`;
  const minutes = Math.floor(seconds / 60);
  const rest = Math.round(seconds % 60);
  return rest === 0 ? `${minutes} m` : `${minutes} m ${rest} s`;
}
