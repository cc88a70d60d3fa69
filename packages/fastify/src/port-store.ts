import { callbackify } from 'node:util'
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
    this.get = callbackify(async (id: string) => {
      const data = appSessionDataIn(await store.read(id, idleSeconds))
      if (data === undefined || !isSendable(data.cookie)) return null
      // Written by @fastify/session, or by express-session, through `set` below; its other fields are the app's.
      return data as unknown as Session
    })
    this.set = callbackify((id: string, data: Session) => store.write(id, JSON.stringify(data), idleSeconds))
    this.destroy = callbackify((id: string) => store.delete(id))
  }
}
