/** Light, dark, or as the system says; kept in this browser. */

import { useState } from "../../vendor/hooks.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

const NEXT = /** @type {const} */ ({ system: "light", light: "dark", dark: "system" });
const ICONS = /** @type {const} */ ({ system: "system", light: "sun", dark: "moon" });

/** @returns {"system"|"light"|"dark"} */
function current() {
  const { theme } = document.documentElement.dataset;
  return theme === "dark" || theme === "light" ? theme : "system";
}

/** @param {"system"|"light"|"dark"} theme */
function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem("treehold.theme");
    else localStorage.setItem("treehold.theme", theme);
  } catch {
    // Storage may be forbidden; the choice then holds for this page.
  }
}

export function ThemeButton() {
  const [theme, setTheme] = useState(current);
  const next = NEXT[theme];
  const change = () => {
    apply(next);
    setTheme(next);
  };
  const label = `Theme: ${theme}. Change to ${next}`;
  return html`<button type="button" class="quiet icon-button" id="theme" aria-label=${label} title=${label} onClick=${change}>
    <${Icon} name=${ICONS[theme]} />
  </button>`;
}
