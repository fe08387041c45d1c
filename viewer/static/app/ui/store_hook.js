/** Binds components to a store and to the clock. */

import { useEffect, useLayoutEffect, useReducer, useState } from "../../vendor/hooks.js";
import { serverNow } from "../api.js";

/** Draws again when the store changes. @param {{subscribe: (listener: () => void) => () => void}} store */
export function useStore(store) {
  const [, redraw] = useReducer((/** @type {number} */ turn) => turn + 1, 0);
  useLayoutEffect(() => store.subscribe(() => redraw(undefined)), [store]);
}

/** The time at the server, advancing while `running`. @param {boolean} running @param {number} [every] milliseconds */
export function useNow(running, every = 500) {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setNow(serverNow()), every);
    return () => clearInterval(timer);
  }, [running, every]);
  return now;
}

/** @param {string} query @returns {boolean} */
export function useMedia(query) {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const media = window.matchMedia(query);
    const listen = () => setMatches(media.matches);
    media.addEventListener("change", listen);
    return () => media.removeEventListener("change", listen);
  }, [query]);
  return matches;
}
