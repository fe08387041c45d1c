/** Says what changed to those who do not see it. */

/** @param {string} message */
export function announce(message) {
  const region = document.getElementById("announcements");
  if (region !== null && region.textContent !== message) region.textContent = message;
}
