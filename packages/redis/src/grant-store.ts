import type { Attempt, GrantObservation, GrantRef, GrantStore, VersionedRecord } from '@latchkey/core'
import type { Connection } from './connection.ts'
import { RedisError } from './errors.ts'
import { keys, milliseconds } from './keys.ts'
import { recordValue, versionMark } from './record-value.ts'
import { readAndRenew, readRecord, recordOf } from './renewing-read.ts'
import { listIn, textIn } from './replies.ts'
import { commitGrant, deleteGrant } from './scripts.ts'

/** Grants of all slots. */
export class RedisGrants implements GrantStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  read(ref: GrantRef, renewTtlSeconds?: number): Promise<VersionedRecord | undefined> {
    if (renewTtlSeconds === undefined) return readRecord(this.#connection, keys.grant(ref))
    return readAndRenew(this.#connection, keys.grant(ref), renewTtlSeconds)
  }

  async create(ref: GrantRef, record: VersionedRecord, ttlSeconds: number): Promise<VersionedRecord> {
    const ttl = milliseconds(ttlSeconds)
    const reply = await this.#connection.ask((wire) =>
      wire.command('set', keys.grant(ref), recordValue(record), 'PX', ttl, 'NX', 'GET'),
    )
    return recordOf(reply) ?? record
  }

  async observe(ref: GrantRef): Promise<GrantObservation> {
    const reply = await this.#connection.ask((wire) => wire.command('mget', ...keys.wholeGrant(ref)))
    const [record, attempt, leaseOwner] = listIn(reply)
    return { record: recordOf(record), attempt: attemptIn(textIn(attempt)), leaseOwner: textIn(leaseOwner) }
  }

  async commit(
    ref: GrantRef,
    expectedVersion: string,
    record: VersionedRecord,
  ): Promise<'committed' | 'moved' | 'gone'> {
    const marks = [versionMark(expectedVersion), versionMark(record.version)]
    const reply = await this.#connection.ask((wire) =>
      wire.script(commitGrant, [keys.grant(ref)], ...marks, recordValue(record)),
    )
    const end = textIn(reply)
    if (end === 'committed' || end === 'moved' || end === 'gone') return end
    throw new RedisError('UNEXPECTED')
  }

  async delete(ref: GrantRef, expectedVersion: string): Promise<'deleted' | 'moved'> {
    const mark = versionMark(expectedVersion)
    const reply = await this.#connection.ask((wire) => wire.script(deleteGrant, keys.wholeGrant(ref), mark))
    return reply === 0 ? 'moved' : 'deleted'
  }
}

function attemptIn(text: string | undefined): Attempt | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Attempt) // written by RedisLeases, as JSON of it
  } catch {
    throw new RedisError('UNEXPECTED')
  }
}
