/** The REST API as the pages use it: same origin, session cookie, problems as errors. */

export class ApiError extends Error {
  /** @param {number} status @param {string} title @param {string} detail */
  constructor(status, title, detail) {
    super(detail || title);
    this.name = "ApiError";
    this.status = status;
    this.title = title;
  }
}

let skew = 0;

/** The server's clock, as far as its answers tell; a second of difference counts as none. */
export const serverNow = () => Date.now() - skew;

/** @param {Response} response */
function compareClocks(response) {
  const at = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(at)) skew = Math.abs(Date.now() - at) > 2000 ? Date.now() - at : 0;
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<any>} */
export async function request(path, init = {}) {
  const response = await fetch(path, {
    credentials: "same-origin",
    cache: "no-store",
    ...init,
    headers: { Accept: "application/json", ...init.headers },
  });
  compareClocks(response);
  if (!response.ok) throw await problem(response);
  return response.json();
}

/** @param {Response} response @returns {Promise<ApiError>} */
export async function problem(response) {
  if (response.status === 401) signIn();
  try {
    const body = await response.json();
    return new ApiError(response.status, String(body.title ?? response.statusText), String(body.detail ?? ""));
  } catch {
    return new ApiError(response.status, response.statusText || `HTTP ${response.status}`, "");
  }
}

function signIn() {
  window.location.assign(`/sign-in?next=${encodeURIComponent(window.location.pathname)}`);
}
