// The API, asked on behalf of whoever has signed in. Tokens are in this module's memory and nowhere
// else: a reload forgets them.

export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    super(body?.message ?? (status ? `The server answered ${status}` : "The server cannot be reached"));
    this.status = status;
    this.fields = new Map((body?.errors ?? []).map(({ field, message }) => [field, message]));
    this.retryAfter = retryAfter;
  }
}

let tokens = null; // { access, refresh, refreshAt }
let refreshing = null;
let onEnd = () => {};

export const whenSessionEnds = (handler) => (onEnd = handler);
export const isSignedIn = () => tokens !== null;

function keep(answer) {
  const life = answer.tokens.accessTokenExpiresIn;
  tokens = {
    access: answer.tokens.accessToken,
    refresh: answer.tokens.refreshToken,
    refreshAt: Date.now() + Math.max(life - 60, life / 2) * 1000,
  };
  return answer.user;
}

async function send(method, path, body, token) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
    });
  } catch {
    throw new ApiError(0);
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch { /* a proxy's page: the status says enough */ }
  if (!response.ok) throw new ApiError(response.status, answer, response.headers.get("Retry-After"));
  return answer;
}

function end() {
  if (tokens === null) return;
  tokens = null;
  onEnd();
}

// One refresh at a time: a refresh token is good for one exchange.
function refresh() {
  refreshing ??= send("POST", "/api/auth/refresh", { refreshToken: tokens.refresh })
    .then(keep)
    .finally(() => (refreshing = null));
  return refreshing;
}

async function refreshOrEnd() {
  try {
    await refresh();
  } catch (error) {
    if (error.status === 401) end();
    throw error;
  }
}

export async function call(method, path, body) {
  if (tokens === null) throw new ApiError(401, { message: "Sign in first" });
  if (Date.now() >= tokens.refreshAt) await refreshOrEnd();
  const used = tokens.access;
  try {
    return await send(method, path, body, used);
  } catch (error) {
    if (error.status !== 401 || tokens === null) throw error;
    // another request may have brought a new token meanwhile
    if (tokens.access === used) await refreshOrEnd();
    return send(method, path, body, tokens?.access);
  }
}

export const get = (path, parameters = {}) => {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  return call("GET", query.size ? `${path}?${query}` : path);
};

export async function signIn(email, password) {
  return keep(await send("POST", "/api/auth/login", { email, password }));
}

export async function signOut() {
  try {
    await call("POST", "/api/auth/logout", { scope: "local" });
  } finally {
    tokens = null;
  }
}
