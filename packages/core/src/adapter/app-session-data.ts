/** Session data as express-session and @fastify/session store them: the app's own fields, and the library's cookie. */
export interface AppSessionData {
  readonly cookie: StoredCookie
  readonly [key: string]: unknown
}

/** What both libraries store of a cookie. */
interface StoredCookie {
  /** ISO 8601. */
  expires?: unknown
  /** Milliseconds. */
  readonly originalMaxAge?: unknown
  readonly [key: string]: unknown
}

/**
 * The data in a stored text; `undefined` for what is none. Their `cookie.expires` moves on: how long they live is up to
 * the store, which renews them at each read, and @fastify/session ends a session whose stored `expires` has passed.
 */
export function appSessionDataIn(text: string | undefined): AppSessionData | undefined {
  const data = text === undefined ? undefined : parsed(text)
  if (!isObject(data) || !isObject(data.cookie) || Object.hasOwn(data, '__proto__')) return undefined
  const cookie: StoredCookie = data.cookie
  const { expires, originalMaxAge } = cookie
  if (typeof expires === 'string' && typeof originalMaxAge === 'number') {
    cookie.expires = new Date(Date.now() + originalMaxAge).toISOString()
  }
  return { ...data, cookie }
}

/** True when there is more in a session than the library's own `cookie`. */
export function hasAppData(session: object | null | undefined): boolean {
  return Object.keys(session ?? {}).some((key) => key !== 'cookie')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
