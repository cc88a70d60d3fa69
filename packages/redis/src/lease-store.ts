import type { Attempt, GrantRef, LeaseStore } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { keys, milliseconds } from './keys.ts'
import { textIn } from './replies.ts'
import { extendLease, releaseLease, writeAttempt } from './scripts.ts'

/** Who may refresh a grant, and how the last refresh went. */
export class RedisLeases implements LeaseStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async take(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    const ttl = milliseconds(ttlSeconds)
    const reply = await this.#connection.ask((wire) =>
      wire.command('set', keys.lease(ref), owner, 'PX', ttl, 'NX', 'GET'),
    )
    const holder = textIn(reply)
    return holder === undefined || holder === owner
  }

  async extend(ref: GrantRef, owner: string, ttlSeconds: number): Promise<boolean> {
    const ttl = milliseconds(ttlSeconds)
    return (
      (await this.#connection.ask((wire) => wire.script(extendLease, [keys.lease(ref)], owner, ttl))) === 1
    )
  }

  async release(ref: GrantRef, owner: string): Promise<void> {
    await this.#connection.ask((wire) => wire.script(releaseLease, [keys.lease(ref)], owner))
  }

  async owner(ref: GrantRef): Promise<string | undefined> {
    return textIn(await this.#connection.ask((wire) => wire.command('get', keys.lease(ref))))
  }

  async writeAttempt(ref: GrantRef, attempt: Attempt, ttlSeconds: number): Promise<boolean> {
    const names = [keys.lease(ref), keys.attempt(ref)]
    const args = [attempt.owner, JSON.stringify(attempt), milliseconds(ttlSeconds)]
    return (await this.#connection.ask((wire) => wire.script(writeAttempt, names, ...args))) === 1
  }
}
