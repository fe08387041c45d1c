/** Reads the text/event-stream format, in pieces of any size. */

/** @typedef {{id: string, event: string, data: string}} Message */

export class EventStreamParser {
  constructor() {
    this.rest = "";
    this.data = /** @type {string[]} */ ([]);
    this.event = "message";
    this.id = "";
  }

  /** @param {string} chunk @returns {Message[]} the messages completed by this chunk */
  push(chunk) {
    const messages = /** @type {Message[]} */ ([]);
    const pieces = (this.rest + chunk).split("\n");
    this.rest = pieces.pop() ?? "";
    for (const piece of pieces) {
      const line = piece.endsWith("\r") ? piece.slice(0, -1) : piece;
      if (line === "") this.#dispatch(messages);
      else this.#field(line);
    }
    return messages;
  }

  /** @param {Message[]} messages */
  #dispatch(messages) {
    if (this.data.length > 0) {
      messages.push({ id: this.id, event: this.event, data: this.data.join("\n") });
    }
    this.data = [];
    this.event = "message";
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") this.data.push(value);
    else if (name === "event") this.event = value;
    else if (name === "id") this.id = value;
  }
}
