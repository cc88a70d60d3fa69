import type { SessionStore } from '@fastify/session'
import { type AppSessionStore, appSessionDataIn } from '@latchkey/core/adapter'
import type { Session } from 'fastify'

/** A store for @fastify/session on Latchkey's own. Reading renews the time to live, so no request ends with a write. */
export class PortStore implements SessionStore {
  readonly get: SessionStore['get']
  readonly set: SessionStore['set']
  readonly destroy: SessionStore['destroy']

  /** @param isSendable false where @fastify/session would throw in the middle of an answer. */
  constructor(store: AppSessionStore, idleSeconds: number, isSendable: (cookie: object) => boolean) {
    const read = async (id: string): Promise<Session | null> => {
      const data = appSessionDataIn(await store.read(id, idleSeconds))
      if (data === undefined || !isSendable(data.cookie)) return null
      // Written by @fastify/session, or by express-session, through `set` below; its other fields are the app's.
      return data as unknown as Session
    }
    this.get = (id, done) => settle(read(id), done)
    this.set = (id, data, done) => settle(store.write(id, JSON.stringify(data), idleSeconds), done)
    this.destroy = (id, done) => settle(store.delete(id), done)
  }
}

/** What the library throws when it is called back is its failure too, and not the process's. */
function settle<Result>(work: Promise<Result>, done: (error: unknown, result?: Result) => void): void {
  work.then((result) => done(null, result)).catch(done)
}
