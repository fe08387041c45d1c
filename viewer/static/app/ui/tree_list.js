/** A windowed ARIA tree: one tab stop, arrow keys, selection follows focus. */

import { html } from "./html.js";
import { VList } from "./vlist.js";

/**
 * @typedef {object} TreeShape
 * @property {number[]} rows ids from top to bottom
 * @property {(id: number) => number} level from 1
 * @property {(id: number) => boolean} hasChildren
 * @property {(id: number) => boolean} isOpen
 * @property {(id: number) => void} select
 * @property {(id: number) => void} toggle
 */

/**
 * @param {{name: string, label: string, shape: TreeShape, selected: number, rowHeight: number, class?: string,
 *   revealKey: unknown, content: (id: number) => any, rowClass: (id: number) => string}} props
 */
export function TreeList({ name, label, shape, selected, rowHeight, revealKey, content, rowClass, class: extra }) {
  const { rows } = shape;
  const position = selected < 0 ? -1 : rows.indexOf(selected);
  const row = (/** @type {number} */ at) => {
    const id = rows[at];
    const chosen = at === position;
    return html`<div
      key=${id}
      id=${`${name}-${id}`}
      class=${`row ${rowClass(id)} ${chosen ? "is-selected" : ""}`}
      role="treeitem"
      aria-level=${shape.level(id)}
      aria-selected=${chosen ? "true" : "false"}
      aria-expanded=${shape.hasChildren(id) ? String(shape.isOpen(id)) : undefined}
      onClick=${(/** @type {MouseEvent} */ event) => clicked(event, shape, id)}
    >${content(id)}</div>`;
  };
  return html`<${VList}
    id=${name}
    class=${extra}
    role="tree"
    tabindex="0"
    aria-label=${label}
    aria-activedescendant=${position < 0 ? undefined : `${name}-${selected}`}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => pressed(event, shape, position)}
    count=${rows.length}
    rowHeight=${rowHeight}
    row=${row}
    reveal=${position}
    revealKey=${revealKey}
  />`;
}

/** @param {MouseEvent} event @param {TreeShape} shape @param {number} id */
function clicked(event, shape, id) {
  const onCaret = event.target instanceof Element && event.target.closest(".caret") !== null;
  if (onCaret && shape.hasChildren(id)) shape.toggle(id);
  else shape.select(id);
}

/** @param {KeyboardEvent} event @param {TreeShape} shape @param {number} position */
function pressed(event, shape, position) {
  if (event.ctrlKey || event.metaKey || event.altKey || shape.rows.length === 0) return;
  const act = KEYS[event.key];
  if (act === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  act(shape, position);
}

/** @param {TreeShape} shape @param {number} to */
function move(shape, to) {
  shape.select(shape.rows[Math.max(0, Math.min(shape.rows.length - 1, to))]);
}

/** @param {TreeShape} shape @param {number} at */
function inward(shape, at) {
  const id = shape.rows[at];
  if (id === undefined) move(shape, 0);
  else if (shape.hasChildren(id) && !shape.isOpen(id)) shape.toggle(id);
  else if (shape.hasChildren(id)) move(shape, at + 1);
}

/** @param {TreeShape} shape @param {number} at */
function outward(shape, at) {
  const id = shape.rows[at];
  if (id === undefined) return;
  if (shape.hasChildren(id) && shape.isOpen(id)) {
    shape.toggle(id);
    return;
  }
  const level = shape.level(id);
  for (let up = at - 1; up >= 0; up -= 1) {
    if (shape.level(shape.rows[up]) < level) {
      move(shape, up);
      return;
    }
  }
}

/** @param {TreeShape} shape @param {number} at */
function flip(shape, at) {
  const id = shape.rows[at];
  if (id !== undefined && shape.hasChildren(id)) shape.toggle(id);
}

/** @type {Record<string, (shape: TreeShape, at: number) => void>} */
const KEYS = {
  ArrowDown: (shape, at) => move(shape, at + 1),
  ArrowUp: (shape, at) => move(shape, at < 0 ? 0 : at - 1),
  ArrowRight: inward,
  ArrowLeft: outward,
  Home: (shape) => move(shape, 0),
  End: (shape) => move(shape, shape.rows.length - 1),
  PageDown: (shape, at) => move(shape, at + 10),
  PageUp: (shape, at) => move(shape, at - 10),
  Enter: flip,
  " ": flip,
};
