import { callbackify } from 'node:util'
import type { AppSessionStore } from '@latchkey/core/adapter'
import session, { type SessionData } from 'express-session'

/** A store for express-session on Latchkey's own. Reading renews the time to live, so no request ends with a touch. */
export class PortStore extends session.Store {
  override readonly get: session.Store['get']
  override readonly set: session.Store['set']
  override readonly destroy: session.Store['destroy']

  constructor(store: AppSessionStore, idleSeconds: number) {
    super()
    this.get = callbackify(async (id: string) => {
      const text = await store.read(id, idleSeconds)
      return text === undefined ? undefined : parsed(text)
    })
    const write = callbackify((id: string, data: SessionData) =>
      store.write(id, JSON.stringify(data), idleSeconds),
    )
    this.set = (id, data, callback = noCallback) => write(id, data, callback)
    const remove = callbackify((id: string) => store.delete(id))
    this.destroy = (id, callback = noCallback) => remove(id, callback)
  }
}

const noCallback = (): void => {}

/** What express-session can work with; anything else counts as no session. */
function parsed(text: string): SessionData | undefined {
  try {
    const data: unknown = JSON.parse(text)
    if (typeof data !== 'object' || data === null || !('cookie' in data)) return undefined
    if (typeof data.cookie !== 'object' || data.cookie === null) return undefined
    requireSendable(data.cookie)
    // Written by express-session through `set` above; its other fields are the app's.
    return data as SessionData
  } catch {
    return undefined
  }
}

/** The part of express-session's cookie that its types leave out. */
type SentCookie = new (stored: object) => { serialize(name: string, value: string): string }

/** Throws here what express-session would throw in the middle of an answer, where nobody catches it. */
function requireSendable(stored: object): void {
  const { expires } = stored as { readonly expires?: unknown } // any value of parsed JSON
  const options = typeof expires === 'string' ? { ...stored, expires: new Date(expires) } : stored
  ;new (session.Cookie as unknown as SentCookie)(options).serialize('name', 'value')
}
