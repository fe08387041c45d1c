/** The keyboard help, in a native dialog, and the button for it. */

import { useEffect, useRef } from "../../vendor/hooks.js";
import { html } from "./html.js";

/** @param {{open: () => void}} props */
export function HelpButton({ open }) {
  return html`<button type="button" class="quiet icon-button help-button" aria-label="Keyboard help" title="Keyboard help (?)" onClick=${open}>?</button>`;
}

/** @param {{open: boolean, close: () => void, keys: [string, string][]}} props */
export function Help({ open, close, keys }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return html`<dialog class="help" ref=${dialog} onClose=${close} aria-labelledby="help-title">
    <h2 id="help-title">Keyboard</h2>
    <dl>
      ${keys.map(
        ([key, what]) => html`<div><dt>${key.split(" ").map((each) => html`<kbd>${each}</kbd>`)}</dt><dd>${what}</dd></div>`,
      )}
    </dl>
    <form method="dialog"><button class="primary">Close</button></form>
  </dialog>`;
}
