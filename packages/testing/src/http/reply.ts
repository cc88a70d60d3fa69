/** A complete HTTP answer, before any fault is applied to it. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: Uint8Array
}

type Headers = Reply['headers']

/** A JSON answer that no cache may keep. */
export function json(status: number, value: unknown, headers: Headers = {}): Reply {
  const type = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status, headers: { ...type, ...headers }, body: Buffer.from(JSON.stringify(value)) }
}

/** A plain text answer that no cache may keep. */
export function text(status: number, value: string, headers: Headers = {}): Reply {
  const fixed = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  return { status, headers: { ...fixed, ...headers }, body: Buffer.from(value) }
}

/** A page without scripts. The policy names no `form-action`: it would also stop the redirect that follows a form. */
export function html(status: number, page: string, headers: Headers = {}): Reply {
  const fixed = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  }
  return { status, headers: { ...fixed, ...headers }, body: Buffer.from(page) }
}

/** A redirect to `location`. */
export function redirect(status: number, location: string): Reply {
  return {
    status,
    headers: { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' },
    body: Buffer.alloc(0),
  }
}

/** Text made safe for HTML content and attributes. */
export function escapeHtml(value: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return value.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}
