import { callbackify } from 'node:util'
import { type AppSessionData, type AppSessionStore, appSessionDataIn } from '@latchkey/core/adapter'
import session, { type SessionData } from 'express-session'

/** A store for express-session on Latchkey's own. Reading renews the time to live, so no request ends with a touch. */
export class PortStore extends session.Store {
  override readonly get: session.Store['get']
  override readonly set: session.Store['set']
  override readonly destroy: session.Store['destroy']

  constructor(store: AppSessionStore, idleSeconds: number) {
    super()
    this.get = callbackify(async (id: string) => usable(await store.read(id, idleSeconds)))
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
function usable(text: string | undefined): SessionData | undefined {
  const data = appSessionDataIn(text)
  if (data === undefined || !isSendable(data.cookie)) return undefined
  // Written by express-session, or by @fastify/session, through `set` above; its other fields are the app's.
  return data as unknown as SessionData
}

/** The part of express-session's cookie that its types leave out. */
type SentCookie = new (stored: object) => { serialize(name: string, value: string): string }

/** False where express-session would throw in the middle of an answer, where nobody catches it. */
function isSendable(stored: AppSessionData['cookie']): boolean {
  const { expires } = stored
  const options = typeof expires === 'string' ? { ...stored, expires: new Date(expires) } : stored
  try {
    ;new (session.Cookie as unknown as SentCookie)(options).serialize('name', 'value')
    return true
  } catch {
    return false
  }
}
