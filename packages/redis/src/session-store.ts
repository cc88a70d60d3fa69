import type {
  SessionDeleteOutcome,
  SessionStore,
  SessionWrite,
  SessionWriteOutcome,
  VersionedRecord,
} from '@latchkey/core'
import { askToDelete } from './ask-to-delete.ts'
import type { Connection } from './connection.ts'
import { keys, milliseconds } from './keys.ts'
import { recordValue, versionMark } from './record-value.ts'
import { readAndRenew, readRecord, recordOf } from './renewing-read.ts'
import { listIn } from './replies.ts'
import { deleteRecord, writeRecord } from './scripts.ts'

/** Sign-in sessions: the record, and the grants of its slot. */
export class RedisSessions implements SessionStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  read(locator: string, idleTtlSeconds: number): Promise<VersionedRecord | undefined> {
    return readAndRenew(this.#connection, keys.session(locator), idleTtlSeconds)
  }

  peek(locator: string): Promise<VersionedRecord | undefined> {
    return readRecord(this.#connection, keys.session(locator))
  }

  async write(locator: string, write: SessionWrite): Promise<SessionWriteOutcome> {
    const { expectedVersion, record, ttlSeconds, putGrants, deleteGrants } = write
    const names = [
      keys.session(locator),
      ...putGrants.map(({ id }) => keys.grant({ slot: locator, id })),
      ...wholeGrants(locator, deleteGrants),
    ]
    const values = putGrants.flatMap((put) => [recordValue(put.record), milliseconds(put.ttlSeconds)])
    const ttl = ttlSeconds === undefined ? '' : milliseconds(ttlSeconds)
    const marks = [versionMark(expectedVersion), versionMark(record.version)]
    return askToDelete<SessionWriteOutcome>(this.#connection, {
      operation: 'sessions.write',
      ask: (wire) =>
        wire.script(writeRecord, names, ...marks, recordValue(record), ttl, putGrants.length, ...values),
      answerIn: (reply) =>
        reply === 0
          ? { outcome: 'moved' }
          : { outcome: 'written', deletedGrants: listIn(reply).map(recordOf) },
      isIncomplete: (answer) =>
        answer.outcome === 'written' && answer.deletedGrants.length < deleteGrants.length,
    })
  }

  async delete(
    locator: string,
    expectedVersion: string,
    grantIds: readonly string[],
  ): Promise<SessionDeleteOutcome> {
    const names = [keys.session(locator), ...wholeGrants(locator, grantIds)]
    return askToDelete<SessionDeleteOutcome>(this.#connection, {
      operation: 'sessions.delete',
      ask: (wire) => wire.script(deleteRecord, names, versionMark(expectedVersion)),
      answerIn: (reply) =>
        reply === 0
          ? { outcome: 'moved' }
          : { outcome: 'deleted', deletedGrants: listIn(reply).map(recordOf) },
      isIncomplete: (answer) => answer.outcome === 'deleted' && answer.deletedGrants.includes(undefined),
    })
  }
}

function wholeGrants(slot: string, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => keys.wholeGrant({ slot, id }))
}
