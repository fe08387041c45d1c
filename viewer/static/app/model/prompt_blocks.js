/** Prompts hold values as data blocks, each with the trust of its source; here they are told apart again. */

const BLOCK = /^<data name="([a-z_]+)" trust="([a-z]+)">\n([^\n]*)\n<\/data>$/gm;
const TRUSTED = new Set(["user", "operator", "platform"]);

/** @typedef {{name: string, trust: string, tainted: boolean, text: string}} Piece `name` is empty outside blocks */

/** @param {string} content @returns {Piece[]} in order; their texts hold all there is to read */
export function pieces(content) {
  const found = /** @type {Piece[]} */ ([]);
  let end = 0;
  for (const match of content.matchAll(BLOCK)) {
    plain(found, content.slice(end, match.index));
    const [whole, name, trust, json] = match;
    found.push({ name, trust, tainted: !TRUSTED.has(trust), text: readable(json) });
    end = match.index + whole.length;
  }
  plain(found, content.slice(end));
  return found;
}

/** @param {Piece[]} found @param {string} text */
function plain(found, text) {
  if (text.trim() !== "") found.push({ name: "", trust: "", tainted: false, text: text.trim() });
}

/** JSON laid out; other text as it is. @param {string} json */
export function readable(json) {
  const value = parsed(json);
  if (typeof value === "string") return value;
  return JSON.stringify(value, null, 2);
}

/** What JSON text says; text that is not JSON stays text. @param {unknown} value @returns {unknown} */
export function parsed(value) {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
