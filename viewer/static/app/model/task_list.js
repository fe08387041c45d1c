/** The task list: pages laid together, filtered and counted. */

/** Newer views replace older ones of the same task. @param {any[]} known @param {any[]} fresh @returns {any[]} newest first */
export function mergeTasks(known, fresh) {
  const byId = new Map(known.map((task) => [task.id, task]));
  for (const task of fresh) byId.set(task.id, task);
  return [...byId.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0));
}

/** @param {any[]} tasks @param {{status: string, query: string}} wanted */
export function filterTasks(tasks, { status, query }) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return tasks.filter((task) => {
    if (status !== "" && task.status !== status) return false;
    if (words.length === 0) return true;
    const tags = Object.entries(task.tags ?? {}).map(([key, value]) => `${key}:${value}`);
    const haystack = `${task.goal} ${task.id} ${task.model.name} ${task.workspace ?? ""} ${tags.join(" ")}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  });
}
