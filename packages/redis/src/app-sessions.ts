import { type AppSessionStore, appSessionTombstoneSeconds } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { keys, milliseconds } from './keys.ts'
import { textIn } from './replies.ts'
import { deleteAppSession, readAppSession, touchAppSession, writeAppSession } from './scripts.ts'

/** What does not begin with a time to live marks a deleted session. */
const tombstone = 'deleted'

/** An app session as it stands in Redis. */
export interface StoredAppSession {
  readonly text: string
  /** What it was written with. */
  readonly ttlMs: number
}

/** The app's own session data. A value is the time to live in milliseconds that it was written with, a space, the text. */
export class RedisAppSessions implements AppSessionStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async read(id: string, idleTtlSeconds: number): Promise<string | undefined> {
    return (await this.#read(id, milliseconds(idleTtlSeconds)))?.text
  }

  /** Reads the data and renews its time to live at once, by what it was written with. */
  readAsWritten(id: string): Promise<StoredAppSession | undefined> {
    return this.#read(id, '')
  }

  async write(id: string, value: string, ttlSeconds: number): Promise<void> {
    const ttlMs = milliseconds(ttlSeconds)
    const names = [keys.appSession(id)]
    await this.#connection.ask((wire) => wire.script(writeAppSession, names, `${ttlMs} ${value}`, ttlMs))
  }

  /** Renews the data; a deleted one stays as it is. */
  async touch(id: string, ttlSeconds: number): Promise<void> {
    const names = [keys.appSession(id)]
    await this.#connection.ask((wire) => wire.script(touchAppSession, names, milliseconds(ttlSeconds)))
  }

  async delete(id: string): Promise<void> {
    const ttlMs = milliseconds(appSessionTombstoneSeconds)
    const names = [keys.appSession(id)]
    await this.#connection.ask((wire) => wire.script(deleteAppSession, names, tombstone, ttlMs))
  }

  async #read(id: string, ttlMs: number | ''): Promise<StoredAppSession | undefined> {
    const name = keys.appSession(id)
    const reply = await this.#connection.ask(
      (wire) => wire.script(readAppSession, [name], ttlMs),
      (wire) => wire.command('get', name),
    )
    const [, written, text] = /^(\d+) (.*)$/s.exec(textIn(reply) ?? '') ?? []
    return written === undefined || text === undefined ? undefined : { ttlMs: Number(written), text }
  }
}
