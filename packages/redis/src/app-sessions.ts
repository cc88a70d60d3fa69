import type { AppSessionStore } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { keys, milliseconds, tombstoneSeconds } from './keys.ts'
import { textIn } from './replies.ts'
import { readAppSession, touchAppSession, writeAppSession } from './scripts.ts'

/** What does not begin with a time to live is the mark of a deleted session. */
const tombstone = 'deleted'

/** An app session as it was read, and the time to live that it was written with. */
export interface StoredAppSession {
  readonly text: string
  readonly ttlSeconds: number
}

/** The app's own session data: a time to live in ms, a space, the text. */
export class RedisAppSessions implements AppSessionStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async read(id: string, idleTtlSeconds: number): Promise<string | undefined> {
    return (await this.#read(id, milliseconds(idleTtlSeconds)))?.text
  }

  /** Reads the data and renews its time to live by what it was written with, at once. */
  async readAsWritten(id: string): Promise<StoredAppSession | undefined> {
    return this.#read(id, '')
  }

  async write(id: string, value: string, ttlSeconds: number): Promise<void> {
    const ttl = milliseconds(ttlSeconds)
    const name = keys.appSession(id)
    await this.#connection.ask((wire) => wire.script(writeAppSession, [name], `${ttl} ${value}`, ttl))
  }

  /** Renews the data; a deleted one stays as it is. */
  async touch(id: string, ttlSeconds: number): Promise<void> {
    const name = keys.appSession(id)
    await this.#connection.ask((wire) => wire.script(touchAppSession, [name], milliseconds(ttlSeconds)))
  }

  async delete(id: string): Promise<void> {
    const ttl = milliseconds(tombstoneSeconds)
    await this.#connection.ask((wire) => wire.command('set', keys.appSession(id), tombstone, 'PX', ttl))
  }

  async #read(id: string, ttl: number | ''): Promise<StoredAppSession | undefined> {
    const name = keys.appSession(id)
    const reply = await this.#connection.ask(
      (wire) => wire.script(readAppSession, [name], ttl),
      (wire) => wire.command('get', name),
    )
    const [whole, ttlMs, text] = /^(\d+) (.*)$/s.exec(textIn(reply) ?? '') ?? []
    if (whole === undefined || text === undefined) return undefined
    return { text, ttlSeconds: Number(ttlMs) / 1000 }
  }
}
