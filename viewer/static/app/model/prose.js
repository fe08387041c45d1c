/** A small, safe reading of Markdown: blocks and inline runs as plain data, to be shown as text nodes. */

/** @typedef {{style: "plain"|"strong"|"code", text: string}} Run */
/** @typedef {{type: "heading"|"paragraph"|"code"|"quote", runs: Run[]}|{type: "list", ordered: boolean, items: Run[][]}} Block */

const INLINE = /(`[^`\n]+`|\*\*[^*\n]+\*\*)/;

/** @param {string} line @returns {Run[]} */
export function runs(line) {
  return line
    .split(INLINE)
    .filter((part) => part !== "")
    .map((part) => {
      if (part.length > 2 && part.startsWith("`") && part.endsWith("`")) return { style: "code", text: part.slice(1, -1) };
      if (part.length > 4 && part.startsWith("**") && part.endsWith("**")) return { style: "strong", text: part.slice(2, -2) };
      return { style: "plain", text: part };
    });
}

const ITEM = /^\s*(?:([-*•])|(\d+)[.)])\s+(.*)$/;

/** @param {string} text @returns {Block[]} */
export function blocks(text) {
  const found = /** @type {Block[]} */ ([]);
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; ) at = readBlock(lines, at, found);
  return found;
}

/** @param {string[]} lines @param {number} at @param {Block[]} found @returns {number} the next line to read */
function readBlock(lines, at, found) {
  const line = lines[at];
  if (line.trim() === "") return at + 1;
  if (line.startsWith("```")) return readCode(lines, at, found);
  const heading = /^#{1,6}\s+(.*)$/.exec(line);
  if (heading !== null) {
    found.push({ type: "heading", runs: runs(heading[1]) });
    return at + 1;
  }
  if (ITEM.test(line)) return readList(lines, at, found);
  return readParagraph(lines, at, found);
}

/** @param {string[]} lines @param {number} at @param {Block[]} found */
function readCode(lines, at, found) {
  let end = at + 1;
  while (end < lines.length && !lines[end].startsWith("```")) end += 1;
  found.push({ type: "code", runs: [{ style: "plain", text: lines.slice(at + 1, end).join("\n") }] });
  return end + 1;
}

/** @param {string[]} lines @param {number} at @param {Block[]} found */
function readList(lines, at, found) {
  const items = /** @type {Run[][]} */ ([]);
  const ordered = /^\s*\d/.test(lines[at]);
  let end = at;
  for (; end < lines.length; end += 1) {
    const item = ITEM.exec(lines[end]);
    if (item !== null) items.push(runs(item[3]));
    else if (/^\s+\S/.test(lines[end])) items[items.length - 1].push({ style: "plain", text: `\n${lines[end].trim()}` });
    else break;
  }
  found.push({ type: "list", ordered, items });
  return end;
}

/** @param {string[]} lines @param {number} at @param {Block[]} found */
function readParagraph(lines, at, found) {
  const quote = lines[at].startsWith(">");
  const taken = [];
  let end = at;
  while (end < lines.length && lines[end].trim() !== "" && lines[end].startsWith(">") === quote) {
    if (end > at && (ITEM.test(lines[end]) || lines[end].startsWith("```"))) break;
    taken.push(quote ? lines[end].replace(/^>\s?/, "") : lines[end]);
    end += 1;
  }
  found.push({ type: quote ? "quote" : "paragraph", runs: runs(taken.join("\n")) });
  return end;
}
