import type { UserStore, VersionedRecord } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { keys, milliseconds } from './keys.ts'
import { recordValue, versionMark } from './record-value.ts'
import { readAndRenew } from './renewing-read.ts'
import { writeRecord } from './scripts.ts'

/** Which accounts a user keeps. */
export class RedisUsers implements UserStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  read(user: string, ttlSeconds: number): Promise<VersionedRecord | undefined> {
    return readAndRenew(this.#connection, keys.user(user), ttlSeconds)
  }

  async write(
    user: string,
    expectedVersion: string | undefined,
    record: VersionedRecord,
    ttlSeconds: number,
  ): Promise<'written' | 'moved'> {
    const marks = [versionMark(expectedVersion), versionMark(record.version)]
    const args = [...marks, recordValue(record), milliseconds(ttlSeconds), 0]
    const reply = await this.#connection.ask((wire) => wire.script(writeRecord, [keys.user(user)], ...args))
    return reply === 0 ? 'moved' : 'written'
  }
}
