/** A windowed list: only the rows in view exist, whatever the list's length. */

import { useLayoutEffect, useRef, useState } from "../../vendor/hooks.js";
import { html } from "./html.js";

const OVERSCAN = 6;

/**
 * @param {{count: number, rowHeight: number, row: (position: number) => any, reveal: number, revealKey: unknown,
 *   class?: string, [attribute: string]: any}} props
 *   `reveal` is a position brought into view each time `revealKey` changes; negative for none
 */
export function VList({ count, rowHeight, row, reveal, revealKey, class: extra = "", ...attributes }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const [view, setView] = useState({ top: 0, height: 600 });

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || reveal < 0) return;
    const top = reveal * rowHeight;
    if (top < element.scrollTop) element.scrollTop = Math.max(0, top - rowHeight);
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top - element.clientHeight + 2 * rowHeight;
    }
  }, [revealKey, reveal < 0]);

  const top = Math.min(view.top, Math.max(0, count * rowHeight - view.height));
  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const end = Math.min(count, Math.ceil((top + view.height) / rowHeight) + OVERSCAN);
  const rows = [];
  for (let position = first; position < end; position += 1) rows.push(row(position));
  return html`<div class=${`vlist ${extra}`} ref=${box} ...${attributes}>
    <div class="vlist-space" role="none" style=${{ height: `${count * rowHeight}px` }}>
      <div class="vlist-rows" role="none" style=${{ transform: `translateY(${first * rowHeight}px)` }}>${rows}</div>
    </div>
  </div>`;
}
