// Buckets of time: from the API's rows to slots of a plot, and what is written below them.
import { hhmm, dayOf, weekdayOf, moment } from "./text.js";

/** The first slot's time, the slots' width, and how many there are: so that the rows and the time asked for are in them. */
export function slots(rows, [since, until], width) {
  const ms = (rows[0]?.seconds || width) * 1000;
  let first = Math.floor(since / ms) * ms, last = Math.max(first, until - 1);
  for (const row of rows) {
    const at = Date.parse(row.time);
    first = Math.min(first, at);
    last = Math.max(last, at);
  }
  return { first, ms, n: Math.min(500, Math.floor((last - first) / ms) + 1) };
}

export const slotOf = (grid, row) => Math.round((Date.parse(row.time) - grid.first) / grid.ms);

/** Labels at round local times. */
export function ticks(grid) {
  const span = grid.n * grid.ms, HOUR = 3600000, DAY = 24 * HOUR;
  const step = [300000, 600000, 1800000, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY].find((s) => span / s <= 10) || 120 * DAY;
  const out = [];
  const at = new Date(grid.first);
  if (step >= DAY) at.setHours(0, 0, 0, 0);
  else at.setHours(step >= HOUR ? 0 : at.getHours(), 0, 0, 0);
  for (let i = 0; at.getTime() < grid.first + span && i < 500; i++) {
    const t = at.getTime();
    if (t >= grid.first) {
      const midnight = at.getHours() === 0 && at.getMinutes() === 0;
      out.push({ at: (t - grid.first) / grid.ms, text: step >= DAY ? (step <= 2 * DAY && span < 8 * DAY ? weekdayOf(at) : dayOf(at)) : midnight ? weekdayOf(at) : hhmm(at) });
    }
    if (step >= DAY) at.setDate(at.getDate() + step / DAY);
    else at.setTime(t + step);
  }
  return out;
}

/** "27 Nov 14:00 – 14:15" */
export function slotTitle(grid, slot) {
  const from = grid.first + slot * grid.ms, to = from + grid.ms;
  const same = new Date(from).toDateString() === new Date(to - 1).toDateString();
  return `${moment(from)} – ${same ? hhmm(to) : moment(to)}`;
}
