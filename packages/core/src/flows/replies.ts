import type { Reply } from './http.ts'

/** Headers of every answer on our routes: they belong to one browser, and their address may hold a code. */
export const privateHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
}

/** Sends the browser on. `location` is a path of ours or an address that we made. */
export function redirect(
  status: 302 | 303,
  location: string,
  more: Partial<Pick<Reply, 'setCookies' | 'appSession'>> = {},
): Reply {
  return { status, headers: { ...privateHeaders, location }, setCookies: [], body: '', ...more }
}

/** The answer to a prefetch: nothing happened, ask again when it is meant. */
export function nothingYet(): Reply {
  return { status: 204, headers: { ...privateHeaders }, setCookies: [], body: '' }
}

/** A JSON answer for a script. */
export function jsonReply(
  status: number,
  value: Readonly<Record<string, unknown>>,
  more: { readonly type?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Reply {
  const type = `${more.type ?? 'application/json'}; charset=utf-8`
  const headers = { ...privateHeaders, 'content-type': type, 'x-content-type-options': 'nosniff' }
  return { status, headers: { ...headers, ...more.headers }, setCookies: [], body: JSON.stringify(value) }
}
