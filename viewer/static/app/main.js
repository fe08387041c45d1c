/** Starts the page that the server rendered. */

import { render } from "../vendor/preact.js";
import { parsePath } from "./model/links.js";
import { html } from "./ui/html.js";
import { ThemeButton } from "./ui/theme.js";
import { TaskPage } from "./views/task_page.js";
import { TasksPage } from "./views/tasks_page.js";
import { TaskStore } from "./store.js";

/** Takes the place of what the server rendered, before the next paint. @param {HTMLElement} place @param {any} page */
function mount(place, page) {
  const island = document.createElement("div");
  island.className = "island";
  place.replaceChildren(island);
  render(page, island);
}

const controls = document.getElementById("controls");
if (controls !== null) render(html`<${ThemeButton} />`, controls);

const main = document.querySelector("main");
const address = parsePath(window.location.pathname);
if (main?.dataset.page === "task" && address !== null) {
  const store = new TaskStore(address.task, window.location.pathname);
  window.addEventListener("popstate", () => store.readAddress());
  const stop = store.subscribe(() => {
    if (store.tree === null && store.connection !== "failed") return;
    stop();
    mount(main, html`<${TaskPage} store=${store} />`);
  });
  store.start();
} else if (main?.dataset.page === "tasks") {
  const known = new URLSearchParams(window.location.search);
  mount(main, html`<${TasksPage} status=${known.get("status") ?? ""} />`);
}
