import type { AppSessionStore } from '../store/store.ts'
import { type AppSessionData, appSessionDataIn } from './app-session-data.ts'

type Done<Result = void> = (error: unknown, result?: Result) => void

/**
 * Latchkey's store as the frameworks' session libraries ask theirs, with callbacks. Reading renews the time to live, so
 * no request ends with a write. Every member works detached.
 */
export class AppSessionPort {
  readonly get: (id: string, done: Done<AppSessionData>) => void
  readonly set: (id: string, data: object, done?: Done) => void
  readonly destroy: (id: string, done?: Done) => void

  /** @param serialize what the library does to send a cookie: one that it would fail on, in the middle of an answer where nobody catches it, counts as no session. */
  constructor(store: AppSessionStore, idleSeconds: number, serialize: (cookie: object) => unknown) {
    const read = async (id: string): Promise<AppSessionData | undefined> => {
      const data = appSessionDataIn(await store.read(id, idleSeconds))
      return data !== undefined && isSendable(data.cookie, serialize) ? data : undefined
    }
    this.get = (id, done) => settle(read(id), done)
    this.set = (id, data, done) => settle(store.write(id, JSON.stringify(data), idleSeconds), done)
    this.destroy = (id, done) => settle(store.delete(id), done)
  }
}

/** What the library throws when it is called back is its failure too, and not the process's. */
function settle<Result>(work: Promise<Result | undefined>, done: Done<Result> = () => {}): void {
  work.then((result) => done(null, result)).catch(done)
}

function isSendable(stored: AppSessionData['cookie'], serialize: (cookie: object) => unknown): boolean {
  const { expires } = stored
  try {
    serialize(typeof expires === 'string' ? { ...stored, expires: new Date(expires) } : stored)
    return true
  } catch {
    return false
  }
}
