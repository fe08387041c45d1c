/** A task's events, in order and without holes: what is stored first, then live, across lost connections. */

import { problem, request } from "./api.js";
import { EventStreamParser } from "./model/event_stream.js";
import { apiPath } from "./model/links.js";

const PAGE = 1000;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 8000;

/** @typedef {"loading"|"live"|"reconnecting"|"paused"|"ended"|"failed"} Connection */

/**
 * @typedef {object} Listener
 * @property {(events: any[]) => void} events
 * @property {() => Promise<void>} reload what is known is no longer whole; read the durable state again
 * @property {(state: Connection, problem: string) => void} connection
 * @property {() => number} last the number of the last event taken
 * @property {() => boolean} ended
 * @property {() => Promise<void>} finish the task has ended: read what its events do not carry
 */

export class Feed {
  /** @param {string} task @param {Listener} listener */
  constructor(task, listener) {
    this.task = task;
    this.listener = listener;
    this.closed = false;
    this.stream = new AbortController();
    this.wake = () => {};
    document.addEventListener("visibilitychange", this.#visibility);
  }

  /** Runs until the task has ended or `close` is called. */
  async run() {
    let wait = FIRST_WAIT;
    while (!this.closed && !this.listener.ended()) {
      const before = this.listener.last();
      try {
        if (document.hidden && before > 0) await this.#hidden();
        await this.readStored();
        if (!this.listener.ended() && !this.closed) await this.#follow();
      } catch (error) {
        if (this.#isFatal(error)) return;
      }
      if (this.closed || this.listener.ended()) break;
      wait = this.listener.last() > before ? FIRST_WAIT : Math.min(wait * 2, LONGEST_WAIT);
      if (!document.hidden) {
        this.listener.connection("reconnecting", "");
        await this.#pause(wait);
      }
    }
    if (!this.closed) {
      await this.listener.finish();
      this.listener.connection("ended", "");
    }
    this.close();
  }

  close() {
    this.closed = true;
    this.stream.abort();
    this.wake();
    document.removeEventListener("visibilitychange", this.#visibility);
  }

  /** Takes every stored event behind the last one; reloads when the next ones are no longer kept. */
  async readStored() {
    for (let more = true; more && !this.closed; ) {
      const after = this.listener.last();
      const page = await request(apiPath(this.task, `/events?after=${after}&limit=${PAGE}`));
      if (after > 0 && page.data.length > 0 && page.data[0].seq > after + 1) {
        await this.listener.reload();
        continue;
      }
      this.listener.events(page.data);
      more = page.has_more && this.listener.last() > after;
    }
  }

  /** A hidden page holds no connection: browsers allow few to one host. */
  #visibility = () => {
    if (document.hidden) this.stream.abort();
    else this.wake();
  };

  async #hidden() {
    this.listener.connection("paused", "");
    await this.#pause(0);
  }

  /** @param {number} milliseconds zero waits until woken */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = milliseconds > 0 ? setTimeout(resolve, milliseconds) : undefined;
      this.wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }

  async #follow() {
    this.stream = new AbortController();
    const last = String(this.listener.last());
    const response = await fetch(apiPath(this.task, "/events"), {
      credentials: "same-origin",
      cache: "no-store",
      headers: { Accept: "text/event-stream", "Last-Event-ID": last },
      signal: this.stream.signal,
    });
    if (!response.ok || response.body === null) throw await problem(response);
    this.listener.connection("live", "");
    const parser = new EventStreamParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const whole = await this.#take(parser.push(value));
      if (!whole || this.listener.ended()) {
        this.stream.abort();
        return;
      }
    }
  }

  /** @param {import("./model/event_stream.js").Message[]} messages @returns {Promise<boolean>} false when events are missing */
  async #take(messages) {
    const events = [];
    let expected = this.listener.last() + 1;
    for (const message of messages) {
      if (message.event === "gap") {
        await this.listener.reload();
        return false;
      }
      const event = JSON.parse(message.data);
      if (event.seq > expected) return false;
      if (event.seq === expected) {
        events.push(event);
        expected += 1;
      }
    }
    if (events.length > 0) this.listener.events(events);
    return true;
  }

  /** @param {unknown} error */
  #isFatal(error) {
    const status = error instanceof Error && "status" in error ? Number(error.status) : 0;
    if (status < 400 || status >= 500 || status === 429) return false;
    this.listener.connection("failed", error instanceof Error ? error.message : String(error));
    this.close();
    return true;
  }
}
