/** Permanent links: what a path selects, and the path of a selection. */

const TASK = /^\/tasks\/([^/]+)(?:\/agents\/([^/]+)(?:\/events\/(\d+))?)?\/?$/;

/** @param {string} path @returns {{task: string, agent: string|null, seq: number|null}|null} */
export function parsePath(path) {
  const match = TASK.exec(path);
  if (match === null) return null;
  return {
    task: decodeURIComponent(match[1]),
    agent: match[2] === undefined ? null : decodeURIComponent(match[2]),
    seq: match[3] === undefined ? null : Number(match[3]),
  };
}

/** @param {string} task */
export const taskPath = (task) => `/tasks/${encodeURIComponent(task)}`;

/** @param {string} task @param {string} agent @param {number} seq */
export const eventPath = (task, agent, seq) =>
  `${taskPath(task)}/agents/${encodeURIComponent(agent)}/events/${seq}`;

/** @param {string} artifact */
export const artifactPath = (artifact) => `/v1/artifacts/${encodeURIComponent(artifact)}`;

/** Where the API answers about a task. @param {string} task @param {string} [part] */
export const apiPath = (task, part = "") => `/v1/tasks/${encodeURIComponent(task)}${part}`;
